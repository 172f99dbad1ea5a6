package org.exportpipeline.core

/**
 * How a picture must be turned to be shown upright: the eight orientations of EXIF.
 *
 * @property exif the value of the tag.
 */
enum class Orientation(val exif: Int) {
    UPRIGHT(1), MIRRORED(2), ROTATED_180(3), FLIPPED(4), TRANSPOSED(5), ROTATED_90(6), TRANSVERSED(7), ROTATED_270(8);

    /** Whether width and height change places. */
    val turnsSides: Boolean get() = exif >= TRANSPOSED.exif

    /** [picture] as it is shown; itself where it is upright. */
    fun applyTo(picture: Picture): Picture {
        if (this == UPRIGHT) return picture
        val width = picture.width
        val last = picture.pixels.size - 1
        // Where the first pixel comes from, and how far the source moves for one step to the right and one down.
        val (start, right, down) = when (this) {
            UPRIGHT -> Triple(0, 1, width)
            MIRRORED -> Triple(width - 1, -1, width)
            ROTATED_180 -> Triple(last, -1, -width)
            FLIPPED -> Triple(last - width + 1, 1, -width)
            TRANSPOSED -> Triple(0, width, 1)
            ROTATED_90 -> Triple(last - width + 1, -width, 1)
            TRANSVERSED -> Triple(last, -width, -1)
            ROTATED_270 -> Triple(width - 1, width, -1)
        }
        val turned = if (turnsSides) Picture(picture.height, width) else Picture(width, picture.height)
        var to = 0
        for (row in 0 until turned.height) {
            var from = start + row * down
            repeat(turned.width) {
                turned.pixels[to++] = picture.pixels[from]
                from += right
            }
        }
        return turned
    }

    companion object {
        /** That of an EXIF tag; files without one, and those that hold nonsense, are upright. */
        fun ofExif(value: Int): Orientation = entries.firstOrNull { it.exif == value } ?: UPRIGHT

        /**
         * How a camera's buffer must be turned for the screen.
         *
         * @param sensor degrees of `SENSOR_ORIENTATION`.
         * @param display degrees by which the display is turned from its natural position.
         * @param front whether the camera faces the user, who expects a mirror.
         */
        fun ofCamera(sensor: Int, display: Int, front: Boolean): Orientation {
            require(sensor % 90 == 0 && display % 90 == 0) { "cameras and displays turn by 90 degrees" }
            val degrees = Math.floorMod(if (front) sensor + display else sensor - display, 360)
            return when (degrees) {
                0 -> if (front) MIRRORED else UPRIGHT
                90 -> if (front) TRANSPOSED else ROTATED_90
                180 -> if (front) FLIPPED else ROTATED_180
                else -> if (front) TRANSVERSED else ROTATED_270
            }
        }
    }
}
