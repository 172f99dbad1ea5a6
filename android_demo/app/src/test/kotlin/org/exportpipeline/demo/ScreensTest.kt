package org.exportpipeline.demo

import android.graphics.Bitmap
import android.graphics.Canvas
import android.net.Uri
import android.view.View
import android.widget.RadioGroup
import android.widget.SeekBar
import java.io.File
import org.exportpipeline.core.FolderFiles
import org.exportpipeline.core.LiteRt
import org.exportpipeline.core.Material
import org.exportpipeline.core.psnr
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNotNull
import org.junit.Assert.assertTrue
import org.junit.Assume.assumeTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.Robolectric
import org.robolectric.RobolectricTestRunner
import org.robolectric.annotation.Config
import org.robolectric.annotation.GraphicsMode

/** The whole app with a shipped model on real LiteRT, from the picker to the screen; the screens are kept as pictures. */
@RunWith(RobolectricTestRunner::class)
@GraphicsMode(GraphicsMode.Mode.NATIVE)
@Config(application = FakeApplication::class, sdk = [35], qualifiers = "w411dp-h860dp-port-xhdpi")
class ScreensTest {
    private val app get() = FakeApplication.current

    @Test
    fun `the golden photograph becomes the golden picture on the screen`() {
        assumeTrue(LiteRt.MISSING, LiteRt.library != null)
        app.engines = LiteRt.factory
        app.styles = Style.all(app.assets).filter { "small" in it.name }
        val style = app.styles.single { it.name == "starry_night_small" }
        val uri = Uri.parse("content://photos/golden")
        val folder = File(Material.root, "artifacts/${style.name}")
        give(uri, File(folder, "golden/photo.png").readBytes())
        val activity = Robolectric.buildActivity(MainActivity::class.java).setup().get()
        activity.view<RadioGroup>(R.id.styles).check(MainActivity.FIRST_STYLE + app.styles.indexOf(style))
        app.studio.take(uri)
        app.settle()
        assertEquals(null, app.studio.screen.problem)
        val ratio = psnr(checkNotNull(app.studio.screen.after), Material.read(File(folder, "golden/float.png")))
        val least = org.exportpipeline.core.Bundle.open(FolderFiles(folder)).manifest.minPsnr.getValue("tflite-dynamic")
        assertTrue("$ratio dB, at least $least is needed", ratio >= least)
        activity.view<SeekBar>(R.id.slider).progress = 450
        save(activity.window.decorView, "main")
    }

    @Test
    fun `every bundle of the repository is among the assets`() {
        val names = Style.all(app.assets).map { it.name }
        assertEquals(Material.bundles.map { it.name }, names)
        for (style in Style.all(app.assets)) {
            assertNotNull(style.open("manifest.json")?.close())
            assertEquals(null, style.open("golden/photo.png"))
        }
    }

    private fun save(view: View, name: String) {
        view.jumpDrawablesToCurrentState() // no button half way between two states
        val bitmap = Bitmap.createBitmap(view.width, view.height, Bitmap.Config.ARGB_8888)
        view.draw(Canvas(bitmap))
        val file = File(System.getProperty("report.directory"), "screens/$name.png").apply { parentFile!!.mkdirs() }
        file.outputStream().use { bitmap.compress(Bitmap.CompressFormat.PNG, 100, it) }
    }
}
