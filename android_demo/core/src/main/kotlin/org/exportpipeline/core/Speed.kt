package org.exportpipeline.core

import java.math.BigDecimal
import java.math.RoundingMode
import kotlin.math.floor

/**
 * Latency as `export-pipeline benchmark` tells it.
 *
 * @property fps 1 / median.
 */
data class Latency(val runs: Int, val medianMs: Double, val iqrMs: Double, val fps: Double) {
    companion object {
        /** Median and interquartile range of [milliseconds]; quartiles lie between the two nearest values. */
        fun of(milliseconds: DoubleArray): Latency {
            require(milliseconds.isNotEmpty()) { "nothing was timed" }
            val sorted = milliseconds.sortedArray()
            val median = quantile(sorted, 0.5)
            val spread = quantile(sorted, 0.75) - quantile(sorted, 0.25)
            return Latency(sorted.size, rounded(median, 4), rounded(spread, 4), rounded(1000 / median, 3))
        }

        private fun quantile(sorted: DoubleArray, part: Double): Double {
            val place = part * (sorted.size - 1)
            val below = floor(place).toInt()
            val above = minOf(below + 1, sorted.size - 1)
            val step = sorted[above] - sorted[below]
            val share = place - below
            // From the nearer end, as NumPy does it, so that the last bits are the same.
            return if (share >= 0.5) sorted[above] - step * (1 - share) else sorted[below] + step * share
        }

        private fun rounded(value: Double, digits: Int): Double =
            BigDecimal(value).setScale(digits, RoundingMode.HALF_EVEN).toDouble()
    }
}

/** The frame rate of the last [size] frames, for a screen. */
class FrameRate(private val size: Int = 30) {
    private val milliseconds = ArrayDeque<Double>()

    /** Adds a frame and returns the latency of the last ones. */
    @Synchronized
    fun add(nanoseconds: Long): Latency {
        if (milliseconds.size == size) milliseconds.removeFirst()
        milliseconds.addLast(maxOf(nanoseconds, 1) / 1e6)
        return Latency.of(milliseconds.toDoubleArray())
    }
}

/** Times a model as the project does: warm-up, then at least 30 runs. */
class Timer(private val nanoTime: () -> Long = System::nanoTime) {
    /**
     * @param progress is told runs done; where it returns false, the measurement ends with null.
     */
    fun measure(runs: Int = RUNS, progress: (Int) -> Boolean = { true }, once: () -> Unit): Latency? {
        require(runs >= RUNS) { "at least $RUNS runs, not $runs" }
        repeat(WARM_UP) {
            if (!progress(0)) return null
            once()
        }
        val times = DoubleArray(runs)
        for (run in 0 until runs) {
            if (!progress(run)) return null
            val start = nanoTime()
            once()
            times[run] = maxOf(nanoTime() - start, 1) / 1e6
        }
        return Latency.of(times)
    }

    companion object {
        const val RUNS: Int = 30
        private const val WARM_UP = 3
    }
}
