package org.exportpipeline.core

import java.nio.ByteBuffer

/** Bytes of a pixel, in the order in which they lie in memory. */
enum class ByteOrderOfColors(internal val red: Int, internal val green: Int, internal val blue: Int) {
    RGBA(0, 1, 2), BGRA(2, 1, 0)
}

/** One plane of a camera frame: its bytes, how far apart rows lie, and how far apart values of a row. */
class Plane(val bytes: ByteBuffer, val rowStride: Int, val pixelStride: Int)

/** Pictures out of buffers whose rows may be longer than the picture: what cameras and bitmaps hand out. */
object Buffers {
    private const val BYTES_A_PIXEL = 4

    // BT.601, full range, as JFIF and Android's cameras have it, in multiples of 2^-16.
    private const val BITS = 16
    private const val HALF = 1 shl (BITS - 1)
    private const val RED_OF_V = 91881
    private const val GREEN_OF_U = 22554
    private const val GREEN_OF_V = 46802
    private const val BLUE_OF_U = 116130

    /**
     * A picture out of four bytes a pixel.
     *
     * @param rowStride bytes from one row to the next; the last row may end with its last pixel.
     */
    fun packed(bytes: ByteBuffer, order: ByteOrderOfColors, width: Int, height: Int, rowStride: Int): Picture {
        checkSize("the buffer", bytes, rowStride, BYTES_A_PIXEL, width, height)
        val picture = Picture(width, height)
        var to = 0
        for (row in 0 until height) {
            var from = bytes.position() + row * rowStride
            repeat(width) {
                picture.pixels[to++] = rgb(
                    byte(bytes, from + order.red), byte(bytes, from + order.green), byte(bytes, from + order.blue),
                )
                from += BYTES_A_PIXEL
            }
        }
        return picture
    }

    /**
     * A picture out of `ImageFormat.YUV_420_888`: a value of [u] and [v] is for two by two pixels.
     *
     * @param into is filled and returned where it is given and fits, so that a camera's frames need no new memory.
     */
    fun yuv420(y: Plane, u: Plane, v: Plane, width: Int, height: Int, into: Picture? = null): Picture {
        checkSize("Y", y.bytes, y.rowStride, y.pixelStride, width, height)
        checkSize("U", u.bytes, u.rowStride, u.pixelStride, (width + 1) / 2, (height + 1) / 2)
        checkSize("V", v.bytes, v.rowStride, v.pixelStride, (width + 1) / 2, (height + 1) / 2)
        val picture = into?.takeIf { it.width == width && it.height == height } ?: Picture(width, height)
        val yRow = ByteArray(rowBytes(y, width))
        val uRow = ByteArray(rowBytes(u, (width + 1) / 2))
        val vRow = ByteArray(rowBytes(v, (width + 1) / 2))
        for (row in 0 until height) {
            read(y, row, yRow)
            if (row % 2 == 0) {
                read(u, row / 2, uRow)
                read(v, row / 2, vRow)
            }
            convert(picture.pixels, row * width, width, Rows(yRow, uRow, vRow), y.pixelStride, u.pixelStride, v.pixelStride)
        }
        return picture
    }

    private class Rows(val y: ByteArray, val u: ByteArray, val v: ByteArray)

    private fun convert(out: IntArray, start: Int, width: Int, rows: Rows, yStep: Int, uStep: Int, vStep: Int) {
        for (column in 0 until width) {
            val light = ((rows.y[column * yStep].toInt() and 0xFF) shl BITS) + HALF
            val u = (rows.u[(column shr 1) * uStep].toInt() and 0xFF) - 128
            val v = (rows.v[(column shr 1) * vStep].toInt() and 0xFF) - 128
            out[start + column] = rgb(
                clip(light + RED_OF_V * v), clip(light - GREEN_OF_U * u - GREEN_OF_V * v), clip(light + BLUE_OF_U * u),
            )
        }
    }

    private fun clip(value: Int): Int = (value shr BITS).coerceIn(0, 255)

    private fun rowBytes(plane: Plane, width: Int): Int = (width - 1) * plane.pixelStride + 1

    private fun read(plane: Plane, row: Int, into: ByteArray) {
        // A view of its own: the position of the camera's buffer stays where it is.
        val view = plane.bytes.duplicate()
        view.position(plane.bytes.position() + row * plane.rowStride)
        view.get(into)
    }

    private fun checkSize(name: String, bytes: ByteBuffer, rowStride: Int, step: Int, width: Int, height: Int) {
        val row = (width - 1).toLong() * step + if (step == BYTES_A_PIXEL) BYTES_A_PIXEL else 1
        val needed = (height - 1).toLong() * rowStride + row
        require(width > 0 && height > 0 && step > 0 && rowStride >= row && bytes.remaining() >= needed) {
            "$name holds ${bytes.remaining()} bytes in rows of $rowStride; $width x $height need $needed in rows of $row or more"
        }
    }

    private fun byte(bytes: ByteBuffer, at: Int): Int = bytes.get(at).toInt() and 0xFF
}
