package org.exportpipeline.core

/** What computes. */
enum class Accelerator { CPU, GPU }

/** What the user asked for. */
enum class Asked { AUTO, CPU, GPU }

/** One way to run a bundle. */
data class Attempt(val target: String, val accelerator: Accelerator, val threads: Int)

/** Why the GPU is not tried. */
enum class WithoutGpu(val reason: String) {
    ASKED("the CPU was asked for"),
    NO_FILE("the bundle has no fp16 file, which GPUs want"),
    NO_DELEGATE("this phone has no GPU that LiteRT supports"),
    FAILED_CHECK("the GPU's picture was wrong before"),
}

/** Attempts in order; [withoutGpu] is null where the GPU is the first of them. */
data class Choice(val attempts: List<Attempt>, val withoutGpu: WithoutGpu?)

/**
 * What the choice depends on.
 *
 * @property gpu whether the delegate is there and supports this phone.
 * @property gpuFailed whether it gave a wrong picture before.
 */
data class Device(val gpu: Boolean, val gpuFailed: Boolean, val cores: Int)

/** Which file runs where, in the order in which to try. */
object Chooser {
    private const val FOR_GPU = "tflite-fp16"

    // 8-bit weights first: the smallest and fastest on a CPU. Full int8 last: its norms stay float, so it gains nothing.
    private val forCpu = listOf("tflite-dynamic", FOR_GPU, "tflite-int8")

    // Half of the cores of a phone are small ones, which the others would wait for.
    private const val MOST_THREADS = 4

    /**
     * @param targets of the bundle's files.
     * @throws BundleProblem none of them runs on Android.
     */
    fun choose(targets: Collection<String>, device: Device, asked: Asked): Choice {
        val threads = (device.cores / 2).coerceIn(1, MOST_THREADS)
        val attempts = forCpu.filter { it in targets }.map { Attempt(it, Accelerator.CPU, threads) }
        if (attempts.isEmpty()) {
            throw BundleProblem(
                Fault.UNSUPPORTED,
                "The bundle has no file for Android, only ${targets.joinToString().ifEmpty { "none" }}. " +
                    "Build it with one of ${forCpu.joinToString()}.",
            )
        }
        val without = when {
            asked == Asked.CPU -> WithoutGpu.ASKED
            FOR_GPU !in targets -> WithoutGpu.NO_FILE
            !device.gpu -> WithoutGpu.NO_DELEGATE
            device.gpuFailed -> WithoutGpu.FAILED_CHECK
            else -> null
        }
        val first = if (without == null) listOf(Attempt(FOR_GPU, Accelerator.GPU, 1)) else emptyList()
        return Choice(first + attempts, without)
    }
}
