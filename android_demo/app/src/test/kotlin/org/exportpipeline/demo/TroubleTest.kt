package org.exportpipeline.demo

import android.content.ComponentCallbacks2
import android.os.Bundle
import android.view.View
import android.widget.RadioGroup
import org.exportpipeline.core.Manifest
import org.exportpipeline.core.Picture
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.Shadows.shadowOf
import org.robolectric.annotation.Config
import org.robolectric.annotation.GraphicsMode

/** What goes wrong on phones, and what the screen says then. */
@RunWith(RobolectricTestRunner::class)
@GraphicsMode(GraphicsMode.Mode.NATIVE)
@Config(application = FakeApplication::class, sdk = [35])
class TroubleTest : Driver() {
    @Test
    fun `after the process died, photograph, style and part come back`() {
        give(uri, photo.encoded("png"))
        val controller = start()
        controller.get().click(R.id.photo)
        controller.get().answer(uri)
        choose(controller.get(), R.id.modes, R.id.whole)
        choose(controller.get(), R.id.styles, MainActivity.FIRST_STYLE + 1)
        val before = screen
        val state = Bundle()
        controller.saveInstanceState(state).pause().stop().destroy()
        app.reborn()
        val activity = start(state).get()
        val now = screen
        assertEquals(before.copy(latency = null, style = null), now.copy(latency = null, style = null))
        assertEquals("the_scream_small", now.style?.name)
        assertEquals(R.id.whole, activity.view<RadioGroup>(R.id.modes).checkedRadioButtonId)
    }

    @Test
    fun `when memory is short the model is freed, and loaded again when it is needed`() {
        val activity = picked()
        app.onTrimMemory(ComponentCallbacks2.TRIM_MEMORY_UI_HIDDEN)
        app.settle()
        assertEquals(listOf(1), app.made.map { it.closed })
        choose(activity, R.id.modes, R.id.whole)
        assertEquals(listOf(1, 0), app.made.map { it.closed })
        assertNull(activity.problem())
        app.onLowMemory()
        app.settle()
        assertEquals(listOf(1, 1), app.made.map { it.closed })
    }

    @Test
    fun `a picture that memory does not suffice for is a message`() {
        val activity = picked()
        app.engine = { org.exportpipeline.core.FakeEngine { _, _ -> throw OutOfMemoryError() } }
        choose(activity, R.id.styles, MainActivity.FIRST_STYLE + 1)
        assertTrue(activity.problem()!!.startsWith("There is not enough memory"))
    }

    private fun with(style: Style): MainActivity {
        app.styles = listOf(style) + FakeApplication.shipped()
        return picked()
    }

    private fun assertTold(activity: MainActivity, words: String) {
        assertTrue("${activity.problem()}", words in activity.problem().orEmpty())
        assertNull(screen.after)
        assertFalse(activity.view<View>(R.id.save).isEnabled)
        choose(activity, R.id.styles, MainActivity.FIRST_STYLE + 1)
        assertNull("another style works", activity.problem())
        assertTrue(screen.after is Picture)
    }

    private val files = FakeApplication.files("starry_night_small")
    private val model = "starry_night_small-dynamic.tflite"

    @Test
    fun `one changed byte of a model is a message`() = assertTold(
        with(Style("damaged", FakeApplication.changed(files, model) { it.apply { this[size / 2]++ } })),
        "$model of starry_night_small is not the file that was built",
    )

    @Test
    fun `a missing model is a message`() {
        val none = org.exportpipeline.core.BundleFiles { path -> if (path.endsWith(".tflite")) null else files.open(path) }
        assertTold(with(Style("lacking", none)), "starry_night_small: missing starry_night_small-dynamic.tflite")
    }

    @Test
    fun `of a model that lacks, another file runs, and that is said`() {
        val activity = with(Style("lacking", FakeApplication.changed(files, model) { null }))
        assertNull(activity.problem())
        assertTrue(activity.text(R.id.status), "$model is not in the app." in activity.text(R.id.status))
    }

    @Test
    fun `a manifest of another version is a message`() {
        val newer = FakeApplication.changed(files, Manifest.FILE) { String(it).replace("\"format\": 1", "\"format\": 2").toByteArray() }
        assertTold(with(Style("newer", newer)), "This app reads bundles of format 1; this one has 2")
    }

    @Test
    fun `a changed manifest is a message, and so is none`() {
        val edited = FakeApplication.changed(files, Manifest.FILE) { String(it).replace("\"tflite-dynamic\": 35.0", "\"tflite-dynamic\": 5.0").toByteArray() }
        assertTold(with(Style("edited", edited)), "its digest does not fit")
        app.reborn()
        assertTold(with(Style("empty") { null }), "manifest.json is missing")
    }

    @Test
    fun `a model that does not load is a message`() {
        app.engine = { null }
        val activity = picked()
        assertTrue("It does not load." in activity.problem()!!)
        assertEquals(1, "does not run here".toRegex().findAll(activity.problem()!!).count())
    }

    @Test
    fun `an app without models says so`() {
        app.styles = emptyList()
        val activity = start().get()
        assertEquals(activity.getString(R.string.no_styles), activity.problem())
        assertFalse(activity.view<View>(R.id.photo).isEnabled)
    }

    @Test
    fun `what is no photograph is a message, and the next photograph works`() {
        val activity = picked("no photograph".toByteArray())
        assertTrue(activity.problem()!!.startsWith("This file is no photograph"))
        give(uri, photo.encoded("png"))
        activity.click(R.id.photo)
        activity.answer(uri)
        assertNull(activity.problem())
    }

    @Test
    fun `a photograph that may not be read is a message`() {
        val activity = start().get()
        shadowOf(app.contentResolver).registerInputStreamSupplier(uri) { throw SecurityException("no grant") }
        activity.click(R.id.photo)
        activity.answer(uri)
        assertTrue(activity.problem()!!.startsWith("The photograph may not be read"))
    }

    @Test
    fun `a device without a picker is a message`() {
        val activity = start().get()
        shadowOf(app).checkActivities(true)
        activity.click(R.id.photo)
        assertEquals(activity.getString(R.string.no_app), activity.problem())
    }
}
