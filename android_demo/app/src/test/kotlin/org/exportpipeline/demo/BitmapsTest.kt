package org.exportpipeline.demo

import android.graphics.Bitmap
import android.graphics.Canvas
import android.graphics.Color
import android.view.MotionEvent
import org.exportpipeline.core.Picture
import org.exportpipeline.core.pattern
import org.exportpipeline.core.rgb
import org.junit.Assert.assertEquals
import org.junit.Assert.assertSame
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.annotation.Config
import org.robolectric.annotation.GraphicsMode

@RunWith(RobolectricTestRunner::class)
@GraphicsMode(GraphicsMode.Mode.NATIVE)
@Config(application = FakeApplication::class, sdk = [26, 35])
class BitmapsTest {
    private val app get() = FakeApplication.current

    @Test
    fun `a picture is the same after it was a bitmap, and memory is used again`() {
        val picture = pattern(9, 7)
        val bitmap = picture.toBitmap()
        assertEquals(picture, bitmap.toPicture())
        assertSame(bitmap, pattern(9, 7, seed = 1).toBitmap(bitmap))
        assertEquals(pattern(9, 7, seed = 1), bitmap.toPicture())
    }

    @Test
    fun `what is transparent is laid on white`() {
        val bitmap = Bitmap.createBitmap(2, 1, Bitmap.Config.ARGB_8888)
        bitmap.setPixel(1, 0, Color.RED)
        assertEquals(listOf(rgb(255, 255, 255), rgb(255, 0, 0)), bitmap.toPicture().pixels.toList())
    }

    @Test
    fun `other kinds of bitmap become the same colours`() {
        val bitmap = Bitmap.createBitmap(2, 2, Bitmap.Config.RGB_565).apply { eraseColor(Color.BLUE) }
        assertEquals(List(4) { rgb(0, 0, 255) }, bitmap.toPicture().pixels.toList())
    }

    private fun plain(color: Int) = Picture(30, 40, IntArray(30 * 40) { color })

    private fun view() = BeforeAfterView(app, null).apply {
        layout(0, 0, 90, 90)
        show(plain(Color.RED), plain(Color.BLUE))
    }

    private fun BeforeAfterView.drawn() = Bitmap.createBitmap(90, 90, Bitmap.Config.ARGB_8888).also { draw(Canvas(it)) }

    @Test
    fun `the photograph is left of the line, the picture right of it, nothing beside them`() {
        val view = view()
        for ((position, split) in listOf(0.25f to 28, 0.75f to 62)) {
            view.position = position
            val drawn = view.drawn()
            assertEquals(Color.RED, drawn.getPixel(split - 12, 45))
            assertEquals(Color.BLUE, drawn.getPixel(split + 12, 45))
            // 30 x 40 in 90 x 90 are 68 across, 11 from the left.
            assertEquals(Color.TRANSPARENT, drawn.getPixel(5, 45))
        }
    }

    @Test
    fun `a finger moves the line to where it is`() {
        val view = view().also { it.drawn() }
        val moved = mutableListOf<Float>()
        view.onMoved = { moved += it }
        for ((action, x) in listOf(MotionEvent.ACTION_DOWN to 45f, MotionEvent.ACTION_MOVE to 500f, MotionEvent.ACTION_UP to 0f)) {
            view.onTouchEvent(MotionEvent.obtain(0, 0, action, x, 45f, 0))
        }
        assertEquals(listOf(0.5f, 1f), moved)
    }

    @Test
    fun `photographs of any size are read small enough`() {
        assertEquals(listOf(1, 1, 2, 4, 4), listOf(100, 4096, 4097, 12000, 16384).map { Photos.sampling(it, 50) })
    }
}
