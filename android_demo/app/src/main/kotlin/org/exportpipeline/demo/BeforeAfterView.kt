package org.exportpipeline.demo

import android.content.Context
import android.graphics.Bitmap
import android.graphics.Canvas
import android.graphics.Color
import android.graphics.Paint
import android.graphics.Rect
import android.util.AttributeSet
import android.view.MotionEvent
import android.view.View
import org.exportpipeline.core.Geometry
import org.exportpipeline.core.Picture

/** The photograph on the left of a line, the picture on the right; the line follows the finger. */
class BeforeAfterView(context: Context, attributes: AttributeSet?) : View(context, attributes) {
    private var before: Bitmap? = null
    private var after: Bitmap? = null
    private val place = Rect()
    private val smooth = Paint(Paint.FILTER_BITMAP_FLAG)
    private val line = Paint().apply {
        color = Color.WHITE
        strokeWidth = 2 * resources.displayMetrics.density
        setShadowLayer(4f, 0f, 0f, Color.BLACK)
    }

    /** Where the line stands, 0 at the left to 1 at the right. */
    var position: Float = HALF
        set(value) {
            field = value.coerceIn(0f, 1f)
            invalidate()
        }

    /** Is told where the finger moves the line to. */
    var onMoved: (Float) -> Unit = {}

    /** Shows two pictures, which are copied; the bitmaps of before are used again where they fit. */
    fun show(before: Picture?, after: Picture?) {
        this.before = before?.toBitmap(this.before)
        this.after = after?.toBitmap(this.after)
        invalidate()
    }

    override fun onDraw(canvas: Canvas) {
        val shape = after ?: before ?: return
        val area = Geometry.letterbox(shape.width, shape.height, width, height)
        place.set(area.left, area.top, area.left + area.width, area.top + area.height)
        val at = place.left + position * place.width()
        before?.let { canvas.drawBitmap(it, null, place, smooth) }
        val drawn = after ?: return
        canvas.save()
        canvas.clipRect(at, place.top.toFloat(), place.right.toFloat(), place.bottom.toFloat())
        canvas.drawBitmap(drawn, null, place, smooth)
        canvas.restore()
        canvas.drawLine(at, place.top.toFloat(), at, place.bottom.toFloat(), line)
    }

    override fun onTouchEvent(event: MotionEvent): Boolean {
        if (place.width() == 0) return super.onTouchEvent(event)
        when (event.actionMasked) {
            MotionEvent.ACTION_DOWN, MotionEvent.ACTION_MOVE -> {
                parent?.requestDisallowInterceptTouchEvent(true)
                onMoved(((event.x - place.left) / place.width()).coerceIn(0f, 1f))
            }
            MotionEvent.ACTION_UP -> performClick()
        }
        return true
    }

    private companion object {
        const val HALF = 0.5f
    }
}
