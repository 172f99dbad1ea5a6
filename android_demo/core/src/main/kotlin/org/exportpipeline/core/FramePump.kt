package org.exportpipeline.core

import java.util.concurrent.Executor
import java.util.concurrent.atomic.AtomicBoolean
import java.util.concurrent.atomic.AtomicLong

/**
 * Keeps at most one camera frame in flight, from the camera to the screen.
 *
 * A frame that comes while another is on its way is refused at once and stays the caller's: no queue grows, and what is
 * shown is never old. Every frame that is taken gives exactly one call of [deliver], in the order in which they came; only
 * then the next one is taken, so that work may fill the same memory each time.
 *
 * @param background runs the work: a single thread.
 * @param foreground runs [deliver]: the main thread's.
 * @param work makes a result of a frame; what it throws is delivered as a failure.
 */
class FramePump<F, R>(
    private val background: Executor,
    private val foreground: Executor,
    private val work: (F) -> R,
    private val deliver: (Result<R>) -> Unit,
) : AutoCloseable {
    private val busy = AtomicBoolean(false)
    private val taken = AtomicLong()
    private val refused = AtomicLong()
    private val delivered = AtomicLong()

    @Volatile
    private var closed = false

    /** Frames so far. */
    val counts: Counts get() = Counts(taken.get(), refused.get(), delivered.get())

    data class Counts(val taken: Long, val refused: Long, val delivered: Long)

    /** Takes [frame] and returns true, or returns false where one is in flight or the pump is closed. */
    fun offer(frame: F): Boolean {
        if (closed || !busy.compareAndSet(false, true)) {
            refused.incrementAndGet()
            return false
        }
        taken.incrementAndGet()
        try {
            background.execute { handle(frame) }
        } catch (_: RuntimeException) { // the executor was shut down: the frame was not taken after all
            taken.decrementAndGet()
            refused.incrementAndGet()
            busy.set(false)
            return false
        }
        return true
    }

    private fun handle(frame: F) {
        val result = runCatching { work(frame) }
        foreground.execute {
            try {
                deliver(result)
            } finally {
                delivered.incrementAndGet()
                busy.set(false)
            }
        }
    }

    /** Takes no further frame; one in flight is still delivered. */
    override fun close() {
        closed = true
    }

    /** Runs [task] once no work is under way, on the background thread: what frames need can be freed there. */
    fun whenIdle(task: () -> Unit) = background.execute(task)
}
