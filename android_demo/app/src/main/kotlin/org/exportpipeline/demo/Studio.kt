package org.exportpipeline.demo

import android.net.Uri
import java.io.File
import java.io.IOException
import java.util.concurrent.Executor
import org.exportpipeline.core.Asked
import org.exportpipeline.core.Bundle
import org.exportpipeline.core.BundleProblem
import org.exportpipeline.core.ClosedProblem
import org.exportpipeline.core.EngineProblem
import org.exportpipeline.core.FramePump
import org.exportpipeline.core.FrameRate
import org.exportpipeline.core.Framing
import org.exportpipeline.core.Latency
import org.exportpipeline.core.Opener
import org.exportpipeline.core.Picture
import org.exportpipeline.core.Resize
import org.exportpipeline.core.Stylizer
import org.exportpipeline.core.Tiles

/** Which part of a photograph becomes a picture. */
enum class Mode { CROP, WHOLE, LARGE }

/**
 * What the screen shows.
 *
 * @property before the part of the photograph that [after] was made of.
 * @property notes what runs, and why what was tried before it does not.
 * @property isKept whether it was made of the photograph that [Photos] keeps, and not of a camera's frame.
 * @property problem one message; null where all is well.
 */
data class Screen(
    val style: Style?,
    val mode: Mode = Mode.CROP,
    val before: Picture? = null,
    val after: Picture? = null,
    val isBusy: Boolean = false,
    val isKept: Boolean = false,
    val notes: List<String> = emptyList(),
    val latency: Latency? = null,
    val problem: String? = null,
)

/**
 * Holds the chosen style, photograph and picture; it lives as long as the process, so that turning the phone repeats
 * nothing. Its functions are for the main thread; the work is done on [background], where also the model lives.
 *
 * @param background a single thread.
 * @param foreground the main thread.
 */
class Studio(
    val styles: List<Style>,
    private val opener: Opener,
    val photos: Photos,
    private val background: Executor,
    private val foreground: Executor,
) {
    /** Is told of every change, on the main thread. */
    var listener: ((Screen) -> Unit)? = null
        set(value) {
            field = value
            value?.invoke(screen)
        }

    var screen = Screen(styles.firstOrNull())
        private set(value) {
            field = value
            chosen = value.style
            listener?.invoke(value)
        }

    // Of the background thread alone.
    private var loaded: Pair<Style, Stylizer>? = null
    private var photo: Picture? = null

    // What is asked for last counts: results of earlier wishes are dropped.
    private var wish = 0

    @Volatile
    private var newestWish = 0

    @Volatile
    private var chosen: Style? = styles.firstOrNull()

    /** Changes the style. */
    fun choose(style: Style) {
        if (style === screen.style && screen.problem == null) return
        screen = screen.copy(style = style)
        again()
    }

    /** Changes the part of the photograph. */
    fun choose(mode: Mode) {
        if (mode == screen.mode) return
        screen = screen.copy(mode = mode)
        again()
    }

    /** Takes the photograph at [uri]. */
    fun take(uri: Uri) = work(isKept = true) { photo = photos.take(uri) }

    /** Comes back to where a process before this one was. */
    fun restore(style: String?, mode: Mode, hadPhoto: Boolean) {
        screen = screen.copy(style = styles.find { it.name == style } ?: screen.style, mode = mode)
        if (hadPhoto && photos.hasKept && screen.before == null) work(isKept = true) { photo = photos.again() }
    }

    /** Makes the picture again. */
    fun again() = work { }

    /** Frees the model; it is loaded again when it is needed. */
    fun trim() = background.execute(::unload)

    /** Does [task] on the background thread while no picture is made, with the model freed. */
    fun alone(task: () -> Unit) = background.execute {
        unload()
        task()
    }

    private fun unload() {
        loaded?.second?.close()
        loaded = null
    }

    private fun work(isKept: Boolean = screen.isKept, first: () -> Unit) {
        val style = screen.style ?: return
        val mode = screen.mode
        val mine = ++wish
        newestWish = mine
        screen = screen.copy(isBusy = true, problem = null)
        background.execute {
            val change = outcome {
                first()
                val photo = photo
                if (photo == null || mine != newestWish) null else made(style, mode, photo, mine)
            }
            foreground.execute { if (mine == wish) screen = change(screen.copy(isBusy = false, isKept = isKept)) }
        }
    }

    private fun made(style: Style, mode: Mode, photo: Picture, mine: Int): ((Screen) -> Screen)? {
        val stylizer = stylizer(style)
        val start = System.nanoTime()
        val (before, after) = when (mode) {
            Mode.CROP -> Resize.fit(photo, stylizer.width, stylizer.height).let { it to stylizer.stylize(it) }
            Mode.WHOLE -> photo to stylizer.stylize(photo, Framing.LETTERBOX)
            Mode.LARGE -> large(photo, stylizer, mine) ?: return null
        }
        val latency = Latency.of(doubleArrayOf((System.nanoTime() - start) / 1e6))
        return { it.copy(before = before, after = after, notes = notes(stylizer), latency = latency, problem = null) }
    }

    /** In its own size; photographs smaller than the model are scaled up to it first. */
    private fun large(photo: Picture, stylizer: Stylizer, mine: Int): Pair<Picture, Picture>? {
        val scale = maxOf(1.0, stylizer.width.toDouble() / photo.width, stylizer.height.toDouble() / photo.height)
        val sized = if (scale == 1.0) photo else {
            val width = maxOf(stylizer.width, (photo.width * scale).toInt())
            Resize.stretch(photo, width, maxOf(stylizer.height, (photo.height * scale).toInt()))
        }
        val made = Tiles(stylizer, OVERLAP).stylize(sized) { _, _ -> mine == newestWish } ?: return null
        return sized to made
    }

    private fun notes(stylizer: Stylizer): List<String> = stylizer.running.run {
        listOf("$file, ${attempt.accelerator}, threads: ${attempt.threads}") + notes
    }

    private fun stylizer(style: Style): Stylizer {
        loaded?.let { (loadedStyle, stylizer) -> if (loadedStyle === style) return stylizer }
        unload()
        val opened = opener.open(Bundle.open(style), Asked.AUTO)
        if (opened.otherInputs.isNotEmpty()) {
            opened.close()
            throw EngineProblem("${style.label} also takes ${opened.otherInputs.keys.joinToString()}; this app gives it a photograph only.")
        }
        loaded = style to opened
        return opened
    }

    /**
     * A way for camera frames to the screen, at most one at a time.
     *
     * @param convert gives the upright picture of a frame, on the background thread, and releases the frame.
     */
    fun <F> pump(convert: (F) -> Picture): FramePump<F, Screen> {
        val rate = FrameRate()
        var into: Picture? = null
        val work = { frame: F ->
            val start = System.nanoTime()
            val picture = convert(frame)
            val stylizer = stylizer(checkNotNull(chosen))
            val fitted = Resize.fit(picture, stylizer.width, stylizer.height)
            // The screen has copied the last picture before the next frame is taken: its memory is free again.
            val made = stylizer.stylize(fitted, into = into).also { into = it }
            photo = picture
            Screen(null, before = fitted, after = made, notes = notes(stylizer), latency = rate.add(System.nanoTime() - start))
        }
        return FramePump(background, foreground, work) { result ->
            screen = outcome {
                val frame = result.getOrThrow()
                return@outcome { it.copy(before = frame.before, after = frame.after, notes = frame.notes, latency = frame.latency, isKept = false, problem = null) }
            }(screen)
        }
    }

    /** Writes the picture to [uri]; [done] is told on the main thread what went wrong, or null. */
    fun save(uri: Uri, done: (String?) -> Unit) = write(done) { photos.save(it, uri) }

    /** Writes the picture into [file]; see [save]. */
    fun write(file: File, done: (String?) -> Unit) = write(done) { picture ->
        try {
            file.outputStream().use { photos.write(picture, it) }
        } catch (error: IOException) {
            throw PhotoProblem(error.message ?: "it cannot be written")
        }
    }

    private fun write(done: (String?) -> Unit, to: (Picture) -> Unit) {
        val picture = screen.after ?: return
        background.execute {
            val problem = try {
                to(picture)
                null
            } catch (problem: PhotoProblem) {
                problem.message
            }
            foreground.execute { done(problem) }
        }
    }

    /** What [act] makes of the screen; what goes wrong becomes a message. */
    private fun outcome(act: () -> ((Screen) -> Screen)?): (Screen) -> Screen = try {
        act() ?: { it }
    } catch (problem: BundleProblem) {
        failed(problem.message)
    } catch (problem: EngineProblem) {
        failed(problem.message)
    } catch (problem: PhotoProblem) {
        failed(problem.message)
    } catch (problem: ClosedProblem) {
        failed(problem.message)
    } catch (_: OutOfMemoryError) {
        trim()
        failed("There is not enough memory for a picture of this size. Choose another part, or a smaller photograph.")
    }

    private fun failed(message: String?): (Screen) -> Screen = { it.copy(after = null, notes = emptyList(), latency = null, problem = message) }

    private companion object {
        const val OVERLAP = 64
    }
}
