package org.exportpipeline.core

/** The phone that a record is of; [libraries] are names with versions. */
data class Machine(val processor: String, val cores: Int, val system: String, val libraries: Map<String, String>)

/** One timed file. */
data class TimedFile(
    val file: String,
    val runtime: String,
    val version: String,
    val threads: Int,
    val width: Int,
    val height: Int,
    val latency: Latency,
)

/**
 * What was measured on a phone, in the form of a bundle's `benchmark.json`, so that the project's tools read it.
 *
 * @property skipped files that were not measured, and why.
 */
class BenchmarkRecord(
    private val name: String,
    private val machine: Machine,
    private val timed: List<TimedFile>,
    private val skipped: Map<String, String> = emptyMap(),
) {
    /** As JSON. */
    fun json(): String = Json.render(
        mapOf(
            "format" to 1,
            "name" to name,
            "machine" to mapOf(
                "processor" to machine.processor,
                "cores" to machine.cores,
                "system" to machine.system,
                "python" to NO_PYTHON,
                "libraries" to machine.libraries,
            ),
            "float_file" to "",
            "latency" to timed.map(::row),
            "memory" to emptyList<Any>(),
            "skipped" to skipped,
            "budgets" to emptyList<Any>(),
        ),
    )

    private fun row(timed: TimedFile) = mapOf(
        "file" to timed.file,
        "runtime" to timed.runtime,
        "version" to timed.version,
        "threads" to timed.threads,
        "processor" to machine.processor,
        "height" to timed.height,
        "width" to timed.width,
        "runs" to timed.latency.runs,
        "median_ms" to timed.latency.medianMs,
        "iqr_ms" to timed.latency.iqrMs,
        "fps" to timed.latency.fps,
    )

    private companion object {
        const val NO_PYTHON = "none"
    }
}
