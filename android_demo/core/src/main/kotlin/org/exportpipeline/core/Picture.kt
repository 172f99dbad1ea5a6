package org.exportpipeline.core

/**
 * An opaque RGB picture.
 *
 * @property pixels row by row from the top left, each `0xAARRGGBB`: what `Bitmap.getPixels` gives and `setPixels` takes,
 *     so that no order of colours can be mixed up on the way.
 */
class Picture(val width: Int, val height: Int, val pixels: IntArray) {
    init {
        require(width > 0 && height > 0) { "a picture has at least one pixel; this one is $width x $height" }
        require(pixels.size == Math.multiplyExact(width, height)) { "$width x $height are not ${pixels.size} pixels" }
    }

    constructor(width: Int, height: Int) : this(width, height, IntArray(Math.multiplyExact(width, height)))

    /** The part that begins at [left], [top]. */
    fun cut(left: Int, top: Int, width: Int, height: Int): Picture {
        require(left >= 0 && top >= 0 && left + width <= this.width && top + height <= this.height) {
            "$width x $height at $left, $top is not inside ${this.width} x ${this.height}"
        }
        val part = Picture(width, height)
        for (row in 0 until height) {
            pixels.copyInto(part.pixels, row * width, (top + row) * this.width + left, (top + row) * this.width + left + width)
        }
        return part
    }

    override fun equals(other: Any?): Boolean =
        other is Picture && width == other.width && height == other.height && pixels.contentEquals(other.pixels)

    override fun hashCode(): Int = 31 * width + pixels.contentHashCode()

    override fun toString(): String = "Picture($width x $height)"
}

/** The alpha of every pixel of a [Picture]. */
const val OPAQUE: Int = 0xFF shl 24

/** An opaque pixel of three values 0..255. */
fun rgb(red: Int, green: Int, blue: Int): Int = OPAQUE or (red shl 16) or (green shl 8) or blue

internal fun red(pixel: Int): Int = pixel shr 16 and 0xFF

internal fun green(pixel: Int): Int = pixel shr 8 and 0xFF

internal fun blue(pixel: Int): Int = pixel and 0xFF

/**
 * Peak signal-to-noise ratio of two pictures of one size, in dB at peak 255; infinite for equal ones.
 */
fun psnr(first: Picture, second: Picture): Double {
    require(first.width == second.width && first.height == second.height) { "$first and $second differ in size" }
    var sum = 0L
    for (index in first.pixels.indices) {
        val a = first.pixels[index]
        val b = second.pixels[index]
        sum += square(red(a) - red(b)) + square(green(a) - green(b)) + square(blue(a) - blue(b))
    }
    if (sum == 0L) return Double.POSITIVE_INFINITY
    return 10 * kotlin.math.log10(255.0 * 255.0 * 3.0 * first.pixels.size / sum)
}

private fun square(value: Int): Long = value.toLong() * value
