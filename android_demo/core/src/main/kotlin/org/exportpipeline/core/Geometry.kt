package org.exportpipeline.core

/** A part of a picture in fractions of pixels. */
data class Box(val left: Double, val top: Double, val right: Double, val bottom: Double)

/** A part of a picture in whole pixels. */
data class Area(val left: Int, val top: Int, val width: Int, val height: Int)

/** Which part of a picture a model sees, and where tiles lie. */
object Geometry {
    /** The centre part of [width] x [height] that has the shape of [toWidth] x [toHeight]. */
    fun crop(width: Int, height: Int, toWidth: Int, toHeight: Int): Box {
        val scale = maxOf(toWidth.toDouble() / width, toHeight.toDouble() / height)
        val boxWidth = toWidth / scale
        val boxHeight = toHeight / scale
        val left = (width - boxWidth) / 2
        val top = (height - boxHeight) / 2
        return Box(left, top, left + boxWidth, top + boxHeight)
    }

    /** Where the whole picture lies inside [toWidth] x [toHeight]; an odd pixel of border goes right and below. */
    fun letterbox(width: Int, height: Int, toWidth: Int, toHeight: Int): Area {
        val scale = minOf(toWidth.toDouble() / width, toHeight.toDouble() / height)
        val innerWidth = (width * scale + 0.5).toInt().coerceIn(1, toWidth)
        val innerHeight = (height * scale + 0.5).toInt().coerceIn(1, toHeight)
        return Area((toWidth - innerWidth) / 2, (toHeight - innerHeight) / 2, innerWidth, innerHeight)
    }

    /**
     * Where tiles begin along a side: as few as overlap by [overlap] or more, spread evenly, the last flush.
     *
     * @param length pixels of the side, at least [tile].
     */
    fun tileOrigins(length: Int, tile: Int, overlap: Int): IntArray {
        require(overlap in 0 until tile) { "tiles of $tile pixels overlap by 0 to ${tile - 1}, not $overlap" }
        require(length >= tile) { "a side of $length pixels holds no tile of $tile" }
        val step = tile - overlap
        val count = maxOf(1, (length - overlap + step - 1) / step)
        if (count == 1) return intArrayOf(0)
        val room = (length - tile).toLong()
        return IntArray(count) { ((it * room + (count - 1) / 2) / (count - 1)).toInt() }
    }
}
