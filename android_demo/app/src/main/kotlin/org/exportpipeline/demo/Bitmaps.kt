package org.exportpipeline.demo

import android.graphics.Bitmap
import android.graphics.Canvas
import android.graphics.Color
import org.exportpipeline.core.OPAQUE
import org.exportpipeline.core.Picture

/** The picture of a bitmap; what is transparent is laid on white. */
fun Bitmap.toPicture(): Picture {
    val opaque = if (hasAlpha() || config != Bitmap.Config.ARGB_8888) onWhite() else this
    val pixels = IntArray(width * height)
    opaque.getPixels(pixels, 0, width, 0, 0, width, height)
    if (opaque !== this) opaque.recycle()
    for (index in pixels.indices) pixels[index] = pixels[index] or OPAQUE
    return Picture(width, height, pixels)
}

private fun Bitmap.onWhite(): Bitmap {
    val sheet = Bitmap.createBitmap(width, height, Bitmap.Config.ARGB_8888)
    // A canvas that draws in software cannot draw bitmaps that live on the GPU.
    val drawable = if (config == Bitmap.Config.HARDWARE) checkNotNull(copy(Bitmap.Config.ARGB_8888, false)) else this
    Canvas(sheet).apply {
        drawColor(Color.WHITE)
        drawBitmap(drawable, 0f, 0f, null)
    }
    if (drawable !== this) drawable.recycle()
    return sheet
}

/** A bitmap of the picture: [into] where it is given and fits, so that camera frames need no new memory. */
fun Picture.toBitmap(into: Bitmap? = null): Bitmap {
    val bitmap = into?.takeIf { it.width == width && it.height == height }
        ?: Bitmap.createBitmap(width, height, Bitmap.Config.ARGB_8888).apply { setHasAlpha(false) }
    bitmap.setPixels(pixels, 0, width, 0, 0, width, height)
    return bitmap
}
