package org.exportpipeline.core

import java.io.File
import java.util.concurrent.Executors
import java.util.concurrent.RejectedExecutionException
import java.util.concurrent.TimeUnit
import java.util.concurrent.atomic.AtomicInteger
import java.util.concurrent.locks.LockSupport
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Assumptions.assumeTrue
import org.junit.jupiter.api.Test

class FramePumpTest {
    @Test
    fun `10,000 frames - none lost, none out of order, at most one in flight, memory flat`() {
        val signature = pictures(WIDTH, HEIGHT)
        val inFlight = AtomicInteger()
        val shown = ArrayList<Int>(FRAMES)
        val into = Picture(WIDTH, HEIGHT)
        val memory = Memory()
        stylizer(FakeEngine(), signature).use { opened ->
            val executor = Executors.newSingleThreadExecutor()
            val pump = FramePump<Picture, Int>(executor, executor, { frame ->
                assertEquals(1, inFlight.incrementAndGet())
                val made = opened.stylize(frame, into = into)
                inFlight.decrementAndGet()
                made.pixels[0] and 0xFFFFFF
            }) { result -> synchronized(shown) { shown += result.getOrThrow() } }
            for (number in 0 until FRAMES) {
                // A camera offers each frame once; here it is offered until it is taken, so that all must arrive.
                val frame = pattern(WIDTH, HEIGHT).also { it.pixels[0] = OPAQUE or number }
                while (!pump.offer(frame)) LockSupport.parkNanos(A_MOMENT)
                if (number == WARM) memory.mark()
            }
            while (pump.counts.delivered < FRAMES) LockSupport.parkNanos(A_MOMENT)
            finish(executor)
            assertEquals(FRAMES.toLong(), pump.counts.taken)
            assertEquals(FRAMES.toLong(), pump.counts.delivered)
        }
        assertEquals((0 until FRAMES).toList(), shown)
        memory.assertFlat(FRAMES - WARM, bytesOfAFrame = 4L * WIDTH * HEIGHT)
    }

    @Test
    fun `frames of a shipped model leave resident memory flat`() {
        assumeTrue(LiteRt.library != null, LiteRt.MISSING)
        val folder = Material.bundles.first { it.name == "starry_night_small" }
        val photo = Material.read(File(folder, "golden/photo.png"))
        val memory = Memory()
        val opener = Opener(LiteRt.factory, Device(gpu = false, gpuFailed = false, cores = 2)) { photo }
        opener.open(Bundle.open(FolderFiles(folder))).use { opened ->
            val into = Picture(opened.width, opened.height)
            for (number in 0 until 40) {
                opened.stylize(photo, into = into)
                if (number == 9) memory.mark()
            }
            memory.assertFlat(30, bytesOfAFrame = 4L * 3 * opened.width * opened.height)
        }
    }

    @Test
    fun `a frame that comes too early is refused and counted`() {
        val tasks = ArrayDeque<Runnable>()
        val results = mutableListOf<Result<Int>>()
        val pump = FramePump<Int, Int>({ tasks += it }, { it.run() }, { it * 2 }, { results += it })
        assertTrue(pump.offer(1))
        assertFalse(pump.offer(2))
        tasks.removeFirst().run()
        assertTrue(pump.offer(3))
        tasks.removeFirst().run()
        assertEquals(listOf(2, 6), results.map { it.getOrThrow() })
        assertEquals(FramePump.Counts(taken = 2, refused = 1, delivered = 2), pump.counts)
    }

    @Test
    fun `a frame is in flight until it was shown`() {
        val shown = ArrayDeque<Runnable>()
        val pump = FramePump<Int, Int>({ it.run() }, { shown += it }, { it }, { })
        assertTrue(pump.offer(1))
        assertFalse(pump.offer(2))
        shown.removeFirst().run()
        assertTrue(pump.offer(3))
    }

    @Test
    fun `a frame that fails is delivered as a failure, and the next one is taken`() {
        val results = mutableListOf<Result<Int>>()
        val pump = FramePump<Int, Int>({ it.run() }, { it.run() }, { check(it > 0) { "no" }; it }, { results += it })
        assertTrue(pump.offer(0))
        assertTrue(pump.offer(1))
        assertEquals(listOf(null, 1), results.map { it.getOrNull() })
    }

    @Test
    fun `after closing nothing is taken, and what is in flight arrives`() {
        val tasks = ArrayDeque<Runnable>()
        val results = mutableListOf<Int>()
        val pump = FramePump<Int, Int>({ tasks += it }, { it.run() }, { it }, { results += it.getOrThrow() })
        pump.offer(1)
        pump.close()
        assertFalse(pump.offer(2))
        tasks.removeFirst().run()
        assertEquals(listOf(1), results)
    }

    @Test
    fun `an executor that was shut down does not block the pump`() {
        val pump = FramePump<Int, Int>({ throw RejectedExecutionException() }, { it.run() }, { it }, { })
        repeat(2) { assertFalse(pump.offer(it)) }
        assertEquals(FramePump.Counts(taken = 0, refused = 2, delivered = 0), pump.counts)
    }

    private fun finish(executor: java.util.concurrent.ExecutorService) {
        executor.shutdown()
        assertTrue(executor.awaitTermination(60, TimeUnit.SECONDS))
    }

    /** What the process holds, on the heap and beside it. */
    private class Memory {
        private var heap = 0L
        private var beside = 0L

        fun mark() {
            heap = heapBytes()
            beside = besideHeap()
        }

        /** Frames must not stay: it may grow by less than one frame in ten, were it kept, would make it. */
        fun assertFlat(frames: Int, bytesOfAFrame: Long) {
            val most = frames / 10 * bytesOfAFrame
            assertTrue(heapBytes() - heap < most, "the heap grew by ${heapBytes() - heap} bytes, most $most")
            assertTrue(besideHeap() - beside < most, "native memory grew by ${besideHeap() - beside} bytes, most $most")
        }

        private fun heapBytes(): Long {
            repeat(2) { System.gc() }
            return Runtime.getRuntime().run { totalMemory() - freeMemory() }
        }

        /** Resident bytes that are not of the heap, whose pages come and go as the collector likes. */
        private fun besideHeap(): Long {
            val pages = File("/proc/self/statm").readText().split(' ')[1].toLong()
            return pages * PAGE - Runtime.getRuntime().totalMemory()
        }
    }

    private companion object {
        const val FRAMES = 10_000
        const val WARM = 1_000
        const val WIDTH = 48
        const val HEIGHT = 64
        const val PAGE = 4096L

        // Waiting must not take the only core from the work.
        const val A_MOMENT = 20_000L
    }
}
