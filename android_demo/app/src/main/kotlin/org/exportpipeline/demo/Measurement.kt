package org.exportpipeline.demo

import org.exportpipeline.core.Accelerator
import org.exportpipeline.core.Attempt
import org.exportpipeline.core.BenchmarkRecord
import org.exportpipeline.core.Bundle
import org.exportpipeline.core.BundleProblem
import org.exportpipeline.core.EngineFactory
import org.exportpipeline.core.EngineProblem
import org.exportpipeline.core.Machine
import org.exportpipeline.core.ModelFile
import org.exportpipeline.core.Network
import org.exportpipeline.core.Picture
import org.exportpipeline.core.TimedFile
import org.exportpipeline.core.Timer

/** What the record says of the phone. */
data class Phone(val processor: String, val system: String)

/** What happens while a style is measured. */
sealed interface Step {
    data class Run(val file: String, val run: Int, val runs: Int) : Step

    data class Timed(val timed: TimedFile, val accelerator: Accelerator) : Step

    data class Skipped(val file: String, val reason: String) : Step
}

/**
 * Times every TFLite file of [style]: on the CPU with one thread and with half of the cores, and on the GPU.
 *
 * @param told of every step, on the thread that calls [run].
 */
class Measurement(
    private val style: Style,
    private val engines: EngineFactory,
    private val gpu: Boolean,
    private val cores: Int,
    private val told: (Step) -> Unit,
) {
    @Volatile
    private var stopped = false

    private val timed = mutableListOf<TimedFile>()
    private val skipped = mutableMapOf<String, String>()

    /** Ends it after the run that is under way. */
    fun stop() {
        stopped = true
    }

    /** Measures, and returns the record as JSON; null where it was stopped. */
    fun run(phone: Phone): String? {
        val bundle = try {
            Bundle.open(style)
        } catch (problem: BundleProblem) {
            skip(style.name, problem.message)
            return null
        }
        for (model in bundle.manifest.models.filter { it.target.startsWith("tflite-") }) {
            for (attempt in attempts(model)) {
                if (stopped) return null
                measure(bundle, model, attempt)
            }
        }
        val libraries = timed.associate { it.runtime.substringBefore(',') to it.version }
        return if (stopped) null else BenchmarkRecord(style.name, Machine(phone.processor, cores, phone.system, libraries), timed, skipped).json()
    }

    private fun attempts(model: ModelFile): List<Attempt> {
        val threads = setOf(1, maxOf(1, cores / 2))
        val onCpu = threads.map { Attempt(model.target, Accelerator.CPU, it) }
        return if (gpu) onCpu + Attempt(model.target, Accelerator.GPU, 1) else onCpu
    }

    private fun measure(bundle: Bundle, model: ModelFile, attempt: Attempt) {
        try {
            val engine = engines.open(bundle.read(model), model.signature, attempt)
            val network = try {
                Network(model.signature, engine)
            } catch (problem: BundleProblem) {
                engine.close()
                throw problem
            }
            network.use { time(it, model, attempt) }
        } catch (problem: EngineProblem) {
            skip("${model.file}, ${attempt.accelerator}", problem.message)
        } catch (problem: BundleProblem) {
            skip("${model.file}, ${attempt.accelerator}", problem.message)
        }
    }

    private fun time(network: Network, model: ModelFile, attempt: Attempt) {
        val (drawn, others) = model.signature.inputs.partition { it.isPicture }
        val pictures = drawn.associate { it.name to Picture(it.width, it.height) }
        val numbers = others.associate { it.name to FloatArray(it.count) }
        val progress = { run: Int ->
            told(Step.Run(model.file, run, Timer.RUNS))
            !stopped
        }
        val latency = Timer().measure(progress = progress) { network.run(pictures, numbers) } ?: return
        val size = drawn.firstOrNull()
        val row = TimedFile(
            model.file, "${network.runtime}, ${attempt.accelerator}", network.version, attempt.threads,
            size?.width ?: 0, size?.height ?: 0, latency,
        )
        timed += row
        told(Step.Timed(row, attempt.accelerator))
    }

    private fun skip(file: String, reason: String?) {
        skipped[file] = reason.orEmpty()
        told(Step.Skipped(file, reason.orEmpty()))
    }
}
