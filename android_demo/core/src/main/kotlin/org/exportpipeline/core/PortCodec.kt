package org.exportpipeline.core

import java.nio.ByteBuffer
import java.nio.ByteOrder
import kotlin.math.round

/** A model gave what is no picture, or could not be run; the message is for the screen. */
class EngineProblem(message: String, cause: Throwable? = null) : Exception(message, cause)

/**
 * Converts pictures into the values of one port, and back, in memory that it keeps.
 *
 * A pixel `p` is the value `low + p * (high - low) / 255`; integers hold it as `scale * (q - zeroPoint)`.
 *
 * @throws BundleProblem nothing here converts pictures for such a port.
 */
class PortCodec(private val port: Port) {
    private val low: Double
    private val range: Double
    private val isFloat = port.dtype == "float32"
    private val least = if (port.dtype == "int8") Byte.MIN_VALUE.toInt() else 0
    private val floats: FloatArray
    private val bytes: ByteArray

    // 256 pixel values have 256 forms: looked up, not worked out for each of 900,000 values.
    private val floatOf = FloatArray(LEVELS)
    private val byteOf = ByteArray(LEVELS)
    private val pixelOfByte = IntArray(LEVELS)

    // Kotlin's round goes half to even, as the project's does.
    init {
        if (!port.isPicture) {
            throw BundleProblem(
                Fault.UNSUPPORTED,
                "$port is no picture that this app converts. Allowed: 1 x height x width x 3, NHWC, RGB, float32, " +
                    "uint8 or int8, with a range.",
            )
        }
        low = checkNotNull(port.low)
        range = checkNotNull(port.high) - low
        val row = port.width * CHANNELS
        floats = FloatArray(if (isFloat) row else 0)
        bytes = ByteArray(if (isFloat) 0 else row)
        for (pixel in 0 until LEVELS) {
            val value = low + pixel * range / MOST
            floatOf[pixel] = value.toFloat()
            byteOf[pixel] = (round(value / port.scale) + port.zeroPoint).toInt().coerceIn(least, least + MOST).toByte()
            pixelOfByte[pixel] = toPixel((pixel + least - port.zeroPoint) * port.scale)
        }
    }

    /** Memory for the port, in the order of this machine. */
    fun allocate(): ByteBuffer = ByteBuffer.allocateDirect(port.bytes).order(ByteOrder.nativeOrder())

    /** Fills [buffer] with [picture], which has the port's size; afterwards it stands at its beginning. */
    fun write(picture: Picture, buffer: ByteBuffer) {
        require(picture.width == port.width && picture.height == port.height) { "$picture is not for $port" }
        buffer.clear()
        val target = buffer.asFloatBuffer()
        for (row in 0 until picture.height) {
            if (isFloat) {
                row(picture, row) { index, pixel -> floats[index] = floatOf[pixel] }
                target.put(floats)
            } else {
                row(picture, row) { index, pixel -> bytes[index] = byteOf[pixel] }
                buffer.put(bytes)
            }
        }
        buffer.rewind()
    }

    /**
     * The picture that [buffer] holds.
     *
     * @param into is filled and returned where it is given and fits.
     * @throws EngineProblem a value is not finite: on some GPUs, half precision overflows in instance norms.
     */
    fun read(buffer: ByteBuffer, into: Picture? = null): Picture {
        val picture = into?.takeIf { it.width == port.width && it.height == port.height } ?: Picture(port.width, port.height)
        buffer.rewind()
        val source = buffer.asFloatBuffer()
        var to = 0
        repeat(port.height) {
            if (isFloat) source.get(floats) else buffer.get(bytes)
            for (index in 0 until port.width * CHANNELS step CHANNELS) {
                picture.pixels[to++] = rgb(level(index), level(index + 1), level(index + 2))
            }
        }
        buffer.rewind()
        return picture
    }

    private inline fun row(picture: Picture, row: Int, put: (index: Int, pixel: Int) -> Unit) {
        var index = 0
        for (at in row * picture.width until (row + 1) * picture.width) {
            val pixel = picture.pixels[at]
            put(index++, red(pixel))
            put(index++, green(pixel))
            put(index++, blue(pixel))
        }
    }

    private fun level(index: Int): Int =
        if (isFloat) toPixel(floats[index].toDouble()) else pixelOfByte[bytes[index] - least and 0xFF]

    private fun toPixel(value: Double): Int {
        if (!value.isFinite()) {
            throw EngineProblem("The model gave values that are not finite. Choose the CPU, or another style.")
        }
        return round((value - low) * MOST / range).coerceIn(0.0, MOST.toDouble()).toInt()
    }

    private companion object {
        const val CHANNELS = 3
        const val LEVELS = 256
        const val MOST = 255
    }
}
