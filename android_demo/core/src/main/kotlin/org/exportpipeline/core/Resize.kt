package org.exportpipeline.core

import kotlin.math.PI
import kotlin.math.sin

/**
 * Resizing as `export-pipeline` does it: Pillow's Lanczos filter of three lobes, antialiased, to the last bit.
 *
 * What a model sees on the phone is then what it saw when it was trained and verified.
 */
object Resize {
    private const val LOBES = 3.0

    // Pillow keeps weights as whole multiples of 2^-22, so that the sum over 8-bit pixels fits 32 bits.
    private const val BITS = 22
    private const val HALF = 1 shl (BITS - 1)

    /** [picture] brought to [width] x [height] without distortion: resized until it just covers them, centre cut out. */
    fun fit(picture: Picture, width: Int, height: Int): Picture =
        resize(picture, Geometry.crop(picture.width, picture.height, width, height), width, height)

    /** The whole of [picture] inside [width] x [height]; its edge pixels go on over the border. */
    fun letterbox(picture: Picture, width: Int, height: Int): Picture {
        val area = Geometry.letterbox(picture.width, picture.height, width, height)
        val inner = resize(picture, whole(picture), area.width, area.height)
        val out = Picture(width, height)
        for (row in 0 until height) {
            val from = (row - area.top).coerceIn(0, area.height - 1) * area.width
            for (column in 0 until width) {
                out.pixels[row * width + column] = inner.pixels[from + (column - area.left).coerceIn(0, area.width - 1)]
            }
        }
        return out
    }

    /** [picture] scaled to [width] x [height], distorted where the shapes differ. */
    fun stretch(picture: Picture, width: Int, height: Int): Picture = resize(picture, whole(picture), width, height)

    private fun whole(picture: Picture) = Box(0.0, 0.0, picture.width.toDouble(), picture.height.toDouble())

    private fun resize(picture: Picture, box: Box, width: Int, height: Int): Picture {
        val left = box.left.toFloat()
        val right = box.right.toFloat()
        val top = box.top.toFloat()
        val bottom = box.bottom.toFloat()
        val across = width != picture.width || left != 0f || right != width.toFloat()
        val down = height != picture.height || top != 0f || bottom != height.toFloat()
        val rows = Taps(picture.height, top, bottom, height)
        // Rows that no output row looks at are left out.
        val first = if (down) rows.first.first() else 0
        val last = if (down) rows.first.last() + rows.count.last() else picture.height
        val narrowed = if (across) horizontally(picture, Taps(picture.width, left, right, width), first, last) else picture
        return if (down) vertically(narrowed, rows, if (across) first else 0) else narrowed
    }

    private fun horizontally(picture: Picture, taps: Taps, firstRow: Int, lastRow: Int): Picture {
        val out = Picture(taps.size, lastRow - firstRow)
        var to = 0
        for (row in firstRow until lastRow) {
            val start = row * picture.width
            for (column in 0 until taps.size) {
                out.pixels[to++] = taps.sum(picture.pixels, column, start + taps.first[column], 1)
            }
        }
        return out
    }

    private fun vertically(picture: Picture, taps: Taps, firstRow: Int): Picture {
        val out = Picture(picture.width, taps.size)
        var to = 0
        for (row in 0 until taps.size) {
            val start = (taps.first[row] - firstRow) * picture.width
            for (column in 0 until picture.width) {
                out.pixels[to++] = taps.sum(picture.pixels, row, start + column, picture.width)
            }
        }
        return out
    }

    /** For each of [size] output pixels the first source pixel, how many, and their weights. */
    private class Taps(length: Int, from: Float, to: Float, val size: Int) {
        val first = IntArray(size)
        val count = IntArray(size)
        private val weights: Array<IntArray>

        init {
            val scale = (to - from).toDouble() / size
            val filterScale = maxOf(scale, 1.0)
            val support = LOBES * filterScale
            weights = Array(size) { index ->
                val center = from + (index + 0.5) * scale
                first[index] = maxOf(0, (center - support + 0.5).toInt())
                count[index] = minOf(length, (center + support + 0.5).toInt()) - first[index]
                val exact = DoubleArray(count[index]) {
                    lanczos((it + first[index] - center + 0.5) * (1.0 / filterScale))
                }
                val sum = exact.sum()
                IntArray(exact.size) { fixed(exact[it] / sum) }
            }
        }

        /** The weighted sum of pixels [step] apart, from [start] on. */
        fun sum(pixels: IntArray, index: Int, start: Int, step: Int): Int {
            var red = HALF
            var green = HALF
            var blue = HALF
            var at = start
            for (weight in weights[index]) {
                val pixel = pixels[at]
                red += weight * red(pixel)
                green += weight * green(pixel)
                blue += weight * blue(pixel)
                at += step
            }
            return rgb(clip(red), clip(green), clip(blue))
        }
    }

    private fun clip(sum: Int): Int = (sum shr BITS).coerceIn(0, 255)

    private fun fixed(weight: Double): Int = (weight * (1 shl BITS) + if (weight < 0) -0.5 else 0.5).toInt()

    private fun lanczos(x: Double): Double = if (x >= -LOBES && x < LOBES) sinc(x) * sinc(x / LOBES) else 0.0

    private fun sinc(x: Double): Double = if (x == 0.0) 1.0 else sin(x * PI) / (x * PI)
}
