package org.exportpipeline.core

/**
 * Stylizes photographs larger than the model, tile by tile, blended where tiles overlap.
 *
 * The networks normalize by the statistics of what they see, so tiles differ a little in tone: the blend hides seams, not
 * that. Tiles must overlap by some pixels for that.
 */
class Tiles(private val stylizer: Stylizer, private val overlap: Int) {

    /**
     * [picture] in the style, in its own size.
     *
     * @param picture at least as large as the model on both sides; scale smaller ones up, or use [Stylizer.stylize].
     * @param progress is told tiles done and tiles in all; where it returns false, the work ends with null.
     * @throws EngineProblem the model cannot be run.
     */
    fun stylize(
        picture: Picture,
        numbers: Map<String, FloatArray> = emptyMap(),
        progress: (done: Int, all: Int) -> Boolean = { _, _ -> true },
    ): Picture? {
        val width = stylizer.width
        val height = stylizer.height
        val columns = Geometry.tileOrigins(picture.width, width, overlap)
        val rows = Geometry.tileOrigins(picture.height, height, overlap)
        val sums = Blend(picture.width, picture.height)
        var done = 0
        for (top in rows) {
            for (left in columns) {
                if (!progress(done++, rows.size * columns.size)) return null
                val made = stylizer.run(picture.cut(left, top, width, height), numbers)
                sums.add(made, left, top, ramp(left, width, picture.width), ramp(top, height, picture.height))
            }
        }
        progress(done, done)
        return sums.picture()
    }

    /** How much each pixel along a tile counts: all, but less and less towards an edge that has a neighbour. */
    private fun ramp(start: Int, length: Int, whole: Int): IntArray = IntArray(length) {
        val fromStart = if (start == 0) overlap + 1 else it + 1
        val fromEnd = if (start + length == whole) overlap + 1 else length - it
        minOf(fromStart, fromEnd, overlap + 1)
    }

    private class Blend(private val width: Int, height: Int) {
        // Sums of value times weight: below 2^31 for overlaps to 1,400 pixels, for at most four tiles meet.
        private val red = IntArray(width * height)
        private val green = IntArray(width * height)
        private val blue = IntArray(width * height)
        private val weights = IntArray(width * height)
        private val size = height

        fun add(tile: Picture, left: Int, top: Int, across: IntArray, down: IntArray) {
            for (row in 0 until tile.height) {
                var to = (top + row) * width + left
                for (column in 0 until tile.width) {
                    val pixel = tile.pixels[row * tile.width + column]
                    val weight = across[column] * down[row]
                    red[to] += weight * red(pixel)
                    green[to] += weight * green(pixel)
                    blue[to] += weight * blue(pixel)
                    weights[to++] += weight
                }
            }
        }

        fun picture() = Picture(width, size, IntArray(weights.size) {
            val weight = weights[it]
            val half = weight / 2
            rgb((red[it] + half) / weight, (green[it] + half) / weight, (blue[it] + half) / weight)
        })
    }
}
