package org.exportpipeline.core

import java.util.concurrent.locks.ReentrantLock
import kotlin.concurrent.withLock

/** How a photograph comes to the size of the model. */
enum class Framing { CROP, LETTERBOX }

/**
 * What runs, and how it came to that.
 *
 * @property notes what was tried before and why it was left, for the screen; empty where the first attempt runs.
 */
data class Running(val attempt: Attempt, val file: String, val notes: List<String>)

/**
 * Photographs into pictures in the style of one bundle.
 *
 * Any thread may call it; one picture is made at a time, and [close] waits for the one that is being made, so that no
 * model is freed while native code uses it. After that, it refuses with [ClosedProblem].
 */
class Stylizer internal constructor(
    val running: Running,
    private val signature: Signature,
    private val network: Network,
) : AutoCloseable {
    private val lock = ReentrantLock()
    private var closed = false
    private val photo = signature.inputs.single { it.isPicture }
    private val result = signature.outputs.first { it.isPicture }

    /** Pixels of what the model takes. */
    val width: Int get() = photo.width
    val height: Int get() = photo.height

    /** Name and version of the runtime. */
    val runtime: String get() = network.runtime
    val version: String get() = network.version

    /** The inputs that are no pictures, such as the statistics of a painting, by name with their number of values. */
    val otherInputs: Map<String, Int> get() = signature.inputs.filterNot { it.isPicture }.associate { it.name to it.count }

    /**
     * [picture] in the style, in the model's size.
     *
     * @param numbers for [otherInputs].
     * @param into a picture of the model's size to fill, so that camera frames need no new memory.
     * @throws EngineProblem the model cannot be run, or gives values that are not finite.
     */
    fun stylize(
        picture: Picture,
        framing: Framing = Framing.CROP,
        numbers: Map<String, FloatArray> = emptyMap(),
        into: Picture? = null,
    ): Picture {
        val fitted = when (framing) {
            Framing.CROP -> Resize.fit(picture, width, height)
            Framing.LETTERBOX -> Resize.letterbox(picture, width, height)
        }
        val made = run(fitted, numbers, into)
        if (framing == Framing.CROP) return made
        val area = Geometry.letterbox(picture.width, picture.height, width, height)
        return made.cut(area.left, area.top, area.width, area.height)
    }

    /** [fitted], which has the model's size, in the style. */
    internal fun run(fitted: Picture, numbers: Map<String, FloatArray>, into: Picture? = null): Picture = lock.withLock {
        if (closed) throw ClosedProblem()
        network.run(mapOf(photo.name to fitted), numbers, into).pictures.getValue(result.name)
    }

    /** Frees the model, once no picture is being made. Calling it twice does no harm. */
    override fun close() = lock.withLock {
        if (!closed) {
            closed = true
            network.close()
        }
    }
}

/** The stylizer was closed: its screen is gone, or memory was short. */
class ClosedProblem : Exception("This style is no longer loaded. Choose it again.")
