package org.exportpipeline.demo

import android.app.Activity
import android.net.Uri
import android.os.Looper
import android.widget.TextView
import java.awt.image.BufferedImage
import java.io.ByteArrayOutputStream
import java.io.File
import java.io.InputStream
import java.util.concurrent.Executor
import javax.imageio.ImageIO
import org.exportpipeline.core.BundleFiles
import org.exportpipeline.core.EngineFactory
import org.exportpipeline.core.EngineProblem
import org.exportpipeline.core.FakeEngine
import org.exportpipeline.core.FolderFiles
import org.exportpipeline.core.Material
import org.exportpipeline.core.Picture
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf

/** Does nothing until it is told to: a test decides when the background thread is done. */
class Queued : Executor {
    private val tasks = ArrayDeque<Runnable>()

    override fun execute(task: Runnable) {
        tasks.addLast(task)
    }

    /** Runs what waits, in order; returns whether there was anything. */
    fun run(): Boolean = tasks.isNotEmpty().also { while (tasks.isNotEmpty()) tasks.removeFirst().run() }
}

/** The app with a model that only inverts, so that its pictures can be told from photographs. */
class FakeApplication : DemoApplication() {
    override val background = Queued()
    val made = mutableListOf<FakeEngine>()

    /** What the next model does; null fails. */
    var engine: () -> FakeEngine? = { FakeEngine(::invert) }
    override var engines = EngineFactory { _, _, _ -> engine()?.also { made += it } ?: throw EngineProblem("It does not load.") }
    override var styles: List<Style> = shipped()

    /** Lets both threads do all that waits. */
    fun settle() {
        do shadowOf(Looper.getMainLooper()).idle() while (background.run())
    }

    /** What a new process knows: nothing but what lies in files. */
    fun reborn() {
        newStudio = null
    }

    private var newStudio: Studio? = null
    override val studio: Studio
        get() = newStudio ?: Studio(styles, opener, Photos(contentResolver, filesDir), background, foreground).also { newStudio = it }

    companion object {
        val current get() = RuntimeEnvironment.getApplication() as FakeApplication

        /** Two of the bundles of the repository. */
        fun shipped(): List<Style> = listOf("starry_night_small", "the_scream_small").map { Style(it, files(it)) }

        fun files(name: String) = FolderFiles(File(Material.root, "artifacts/$name"))

        /** [files] with the file at [path] changed, or gone where [change] gives null. */
        fun changed(files: BundleFiles, path: String, change: (ByteArray) -> ByteArray?) = BundleFiles {
            val stream = files.open(it)
            if (it == path) stream?.use(InputStream::readBytes)?.let(change)?.inputStream() else stream
        }
    }
}

/** 255 minus each value. */
fun invert(inputs: List<java.nio.ByteBuffer>, outputs: List<java.nio.ByteBuffer>) {
    val from = inputs[0].duplicate().order(java.nio.ByteOrder.nativeOrder()).asFloatBuffer()
    val to = outputs[0].duplicate().order(java.nio.ByteOrder.nativeOrder()).asFloatBuffer()
    while (from.hasRemaining()) to.put(255f - from.get())
}

fun inverted(picture: Picture) =
    Picture(picture.width, picture.height, IntArray(picture.pixels.size) { picture.pixels[it] xor 0xFFFFFF })

/** A photograph of four colours, so that every turn of it looks different. */
fun quarters(width: Int, height: Int) = Picture(width, height, IntArray(width * height) {
    val left = it % width < width / 2
    val top = it / width < height / 2
    when {
        top && left -> 0xFFFF0000.toInt()
        top -> 0xFF00FF00.toInt()
        left -> 0xFF0000FF.toInt()
        else -> 0xFFFFFFFF.toInt()
    }
})

fun Picture.encoded(format: String): ByteArray {
    val image = BufferedImage(width, height, BufferedImage.TYPE_INT_RGB)
    image.setRGB(0, 0, width, height, pixels, 0, width)
    return ByteArrayOutputStream().also { check(ImageIO.write(image, format, it)) }.toByteArray()
}

/** A JPEG whose EXIF says [orientation], as cameras write it. */
fun Picture.jpeg(orientation: Int): ByteArray {
    val exif = byteArrayOf(
        0xFF.toByte(), 0xE1.toByte(), 0, 34, *"Exif".toByteArray(), 0, 0, // an APP1 segment of 34 bytes
        *"MM".toByteArray(), 0, 42, 0, 0, 0, 8, 0, 1, // TIFF, the first directory at 8, with one entry
        1, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation.toByte(), 0, 0, 0, 0, 0, 0, // orientation, a SHORT; no further directory
    )
    val plain = encoded("jpg")
    return plain.copyOf(2) + exif + plain.copyOfRange(2, plain.size)
}

/** Lets [uri] give [bytes]. */
fun give(uri: Uri, bytes: ByteArray) =
    shadowOf(RuntimeEnvironment.getApplication().contentResolver).registerInputStreamSupplier(uri) { bytes.inputStream() }

fun Activity.text(id: Int): String = view<TextView>(id).text.toString()

/** The colour in the middle of each quarter, for pictures that were compressed. */
fun Picture.corners(): List<String> = listOf(1 to 1, 3 to 1, 1 to 3, 3 to 3).map { (x, y) ->
    val pixel = pixels[(height * y / 4) * width + width * x / 4]
    listOf(16, 8, 0).joinToString("") { if (pixel shr it and 0xFF > 127) "1" else "0" }
}
