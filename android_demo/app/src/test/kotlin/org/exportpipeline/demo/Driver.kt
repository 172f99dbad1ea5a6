package org.exportpipeline.demo

import android.app.Activity
import android.content.Intent
import android.net.Uri
import android.os.Bundle
import android.view.View
import android.widget.RadioGroup
import javax.imageio.ImageIO
import org.exportpipeline.core.Picture
import org.exportpipeline.core.pattern
import org.junit.Assert.assertTrue
import org.robolectric.Robolectric
import org.robolectric.Shadows.shadowOf
import org.robolectric.android.controller.ActivityController

/** Uses the app as a person does. */
abstract class Driver {
    val app get() = FakeApplication.current
    val screen get() = app.studio.screen
    val uri = Uri.parse("content://photos/1")
    val photo = pattern(600, 400)

    fun start(state: Bundle? = null): ActivityController<MainActivity> =
        Robolectric.buildActivity(MainActivity::class.java).begin(state).also { app.settle() }

    private fun ActivityController<MainActivity>.begin(state: Bundle?): ActivityController<MainActivity> =
        if (state == null) setup() else create(state).start().restoreInstanceState(state).resume().visible()

    fun Activity.click(id: Int) {
        assertTrue("the button can be used", view<View>(id).isEnabled)
        view<View>(id).performClick()
        app.settle()
    }

    fun Activity.answer(result: Uri?, code: Int = Activity.RESULT_OK): Intent {
        val request = shadowOf(this).nextStartedActivityForResult.intent
        shadowOf(this).receiveResult(request, code, result?.let { Intent().setData(it) })
        app.settle()
        return request
    }

    fun picked(bytes: ByteArray = photo.encoded("png")): MainActivity {
        give(uri, bytes)
        return start().get().also {
            it.click(R.id.photo)
            it.answer(uri)
        }
    }

    fun choose(activity: Activity, group: Int, button: Int) {
        activity.view<RadioGroup>(group).check(button)
        app.settle()
    }

    fun Activity.problem(): String? =
        text(R.id.problem).takeIf { view<View>(R.id.problem).visibility == View.VISIBLE }

    fun decoded(bytes: ByteArray): Picture {
        val image = ImageIO.read(bytes.inputStream())
        return Picture(image.width, image.height, image.getRGB(0, 0, image.width, image.height, null, 0, image.width))
    }
}
