package org.exportpipeline.demo

import android.app.Activity
import android.content.Intent
import android.net.Uri
import android.os.Build
import android.provider.MediaStore
import android.view.View
import android.widget.RadioGroup
import android.widget.SeekBar
import java.io.ByteArrayOutputStream
import java.io.IOException
import java.io.OutputStream
import org.exportpipeline.core.Resize
import org.exportpipeline.core.pattern
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNotEquals
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.Robolectric
import org.robolectric.RobolectricTestRunner
import org.robolectric.Shadows.shadowOf
import org.robolectric.annotation.Config
import org.robolectric.annotation.GraphicsMode

/** The app as a person uses it, on the oldest and the newest Android that it is for. */
@RunWith(RobolectricTestRunner::class)
@GraphicsMode(GraphicsMode.Mode.NATIVE)
@Config(application = FakeApplication::class, sdk = [26, 35])
class MainActivityTest : Driver() {
    @Test
    fun `at first it says what to do, and offers nothing that cannot be done`() {
        val activity = start().get()
        assertEquals(activity.getString(R.string.choose_photo), activity.text(R.id.status))
        assertFalse(activity.view<View>(R.id.save).isEnabled)
        assertFalse(activity.view<View>(R.id.share).isEnabled)
        assertNull(activity.problem())
    }

    @Test
    fun `a photograph is asked for without permissions, and becomes a picture`() {
        give(uri, photo.encoded("png"))
        val activity = start().get()
        activity.click(R.id.photo)
        val request = activity.answer(uri)
        val newer = Build.VERSION.SDK_INT >= Build.VERSION_CODES.TIRAMISU
        assertEquals(if (newer) MediaStore.ACTION_PICK_IMAGES else Intent.ACTION_OPEN_DOCUMENT, request.action)
        val fitted = Resize.fit(photo, 480, 640)
        assertEquals(fitted, screen.before)
        assertEquals(inverted(fitted), screen.after)
        assertTrue("starry_night_small-dynamic.tflite, CPU" in activity.text(R.id.status))
    }

    @Test
    fun `nothing changes when no photograph is chosen`() {
        val activity = start().get()
        activity.click(R.id.photo)
        activity.answer(null, Activity.RESULT_CANCELED)
        assertNull(screen.before)
        assertNull(activity.problem())
    }

    @Config(sdk = [35]) // Robolectric's API 26 reads no EXIF tag at all
    @Test
    fun `a photograph that the camera took across is shown upright`() {
        for ((orientation, corners) in listOf(1 to listOf("100", "010", "001", "111"), 6 to listOf("001", "100", "111", "010"))) {
            val activity = picked(quarters(320, 240).jpeg(orientation))
            choose(activity, R.id.modes, R.id.whole)
            val before = checkNotNull(screen.before)
            assertEquals(corners, before.corners())
            assertEquals(orientation == 6, before.height > before.width)
            app.studio.choose(Mode.CROP)
            app.settle()
        }
    }

    @Test
    fun `the whole photograph keeps its shape`() {
        choose(picked(), R.id.modes, R.id.whole)
        val after = checkNotNull(screen.after)
        assertEquals(480 to 320, after.width to after.height)
    }

    @Test
    fun `the full size is made of tiles, small photographs are scaled up`() {
        val activity = picked(pattern(700, 900).encoded("png"))
        choose(activity, R.id.modes, R.id.large)
        assertEquals(inverted(pattern(700, 900)), screen.after)
        give(uri, pattern(240, 240).encoded("png"))
        app.studio.take(uri)
        app.settle()
        assertEquals(640 to 640, screen.after?.let { it.width to it.height })
    }

    @Test
    fun `another style makes another picture of the same photograph, and the first model is freed`() {
        val activity = picked()
        choose(activity, R.id.styles, MainActivity.FIRST_STYLE + 1)
        assertEquals("the_scream_small", screen.style?.name)
        assertTrue("the_scream_small-dynamic.tflite" in activity.text(R.id.status))
        assertEquals(listOf(1, 0), app.made.map { it.closed })
    }

    @Test
    fun `what is asked for last counts`() {
        val activity = picked()
        val runs = app.made.sumOf { it.runs }
        activity.view<RadioGroup>(R.id.styles).check(MainActivity.FIRST_STYLE + 1)
        activity.view<RadioGroup>(R.id.modes).check(R.id.whole)
        activity.view<RadioGroup>(R.id.styles).check(MainActivity.FIRST_STYLE)
        app.settle()
        assertEquals("of three wishes one was worked on", runs + 1, app.made.sumOf { it.runs })
        assertEquals(Mode.WHOLE, screen.mode)
        assertFalse(screen.isBusy)
    }

    @Test
    fun `the line follows the slider and the slider the finger`() {
        val activity = picked()
        val view = activity.view<BeforeAfterView>(R.id.pictures)
        val slider = activity.view<SeekBar>(R.id.slider)
        slider.progress = 250
        assertEquals(0.25f, view.position, 0f)
        view.onMoved(0.75f)
        assertEquals(750, slider.progress)
    }

    @Test
    fun `turning the phone repeats nothing and loses nothing`() {
        give(uri, photo.encoded("png"))
        val controller = start()
        controller.get().click(R.id.photo)
        controller.get().answer(uri)
        choose(controller.get(), R.id.modes, R.id.whole)
        val shown = screen
        val runs = app.made.single().runs
        controller.recreate()
        app.settle()
        assertEquals(shown, screen)
        assertEquals(runs, app.made.single().runs)
        assertEquals(R.id.whole, controller.get().view<RadioGroup>(R.id.modes).checkedRadioButtonId)
        assertTrue("starry_night_small" in controller.get().text(R.id.status))
    }

    @Test
    fun `saving asks where, and writes the picture there`() {
        val written = ByteArrayOutputStream()
        val place = Uri.parse("content://documents/1")
        val activity = picked()
        shadowOf(app.contentResolver).registerOutputStream(place, written)
        activity.click(R.id.save)
        val request = activity.answer(place)
        assertEquals(Intent.ACTION_CREATE_DOCUMENT, request.action)
        assertEquals("starry_night_small.png", request.getStringExtra(Intent.EXTRA_TITLE))
        assertEquals(screen.after, decoded(written.toByteArray()))
        assertNull(activity.problem())
    }

    @Test
    fun `a place that cannot be written to is told`() {
        val place = Uri.parse("content://documents/2")
        val activity = picked()
        shadowOf(app.contentResolver).registerOutputStream(
            place,
            object : OutputStream() {
                override fun write(byte: Int) = throw IOException("the disk is full")
            },
        )
        activity.click(R.id.save)
        activity.answer(place)
        assertTrue(activity.problem()!!.startsWith("It was not saved"))
        assertTrue(activity.view<View>(R.id.save).isEnabled)
    }

    @Suppress("DEPRECATION") // the typed way came with API 33
    @Test
    fun `sharing lends the picture to the app that the user chooses`() {
        val activity = picked()
        activity.click(R.id.share)
        val chooser = shadowOf(activity).nextStartedActivity
        val intent = checkNotNull(chooser.getParcelableExtra<Intent>(Intent.EXTRA_INTENT))
        assertEquals("image/png", intent.type)
        assertNotEquals(0, intent.flags and Intent.FLAG_GRANT_READ_URI_PERMISSION)
        val shared = checkNotNull(intent.clipData).getItemAt(0).uri
        val provider = Robolectric.setupContentProvider(SharedFiles::class.java, shared.authority)
        val bytes = android.os.ParcelFileDescriptor.AutoCloseInputStream(provider.openFile(shared, "r")).use { it.readBytes() }
        assertEquals(screen.after, decoded(bytes))
    }
}
