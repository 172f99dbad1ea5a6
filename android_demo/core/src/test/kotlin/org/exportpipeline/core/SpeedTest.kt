package org.exportpipeline.core

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Test

class SpeedTest {
    @Test
    fun `the frame rate is that of the last frames`() {
        val rate = FrameRate(size = 3)
        rate.add(1_000_000_000)
        repeat(2) { rate.add(20_000_000) }
        assertEquals(Latency(3, 20.0, 0.0, 50.0), rate.add(20_000_000))
    }

    @Test
    fun `a measurement warms up, and times each run by itself`() {
        var now = 0L
        var calls = 0
        val latency = Timer { now }.measure(runs = 30) { now += if (++calls <= 3) 900_000_000 else 10_000_000 }
        assertEquals(Latency(30, 10.0, 0.0, 100.0), latency)
        assertEquals(33, calls)
    }

    @Test
    fun `a measurement can be stopped, and takes no fewer than 30 runs`() {
        assertNull(Timer().measure(progress = { it < 5 }) {})
        assertThrows(IllegalArgumentException::class.java) { Timer().measure(runs = 29) {} }
        assertThrows(IllegalArgumentException::class.java) { Latency.of(DoubleArray(0)) }
    }
}
