package org.exportpipeline.core

/**
 * One input or output of a model file; see `export_pipeline.records.signature`.
 *
 * @property kind `image` as Core ML has them, `tensor`, or `value`.
 * @property shape sizes of the axes, null where one is open.
 * @property layout `NHWC` or `NCHW`; null where nothing is known of the axes.
 * @property color `RGB` where it holds a picture.
 * @property low what the least pixel value means, [high] the greatest.
 * @property scale an integer port holds `q` for `scale * (q - zeroPoint)`.
 */
data class Port(
    val name: String,
    val kind: String = "tensor",
    val shape: List<Int?> = emptyList(),
    val dtype: String = "float32",
    val layout: String? = null,
    val color: String? = null,
    val low: Double? = null,
    val high: Double? = null,
    val scale: Double = 1.0,
    val zeroPoint: Int = 0,
) {
    /** Whether [PortCodec] converts pictures for it: an NHWC tensor of one RGB picture with a known range. */
    val isPicture: Boolean
        get() = kind == "tensor" && layout == "NHWC" && color == "RGB" && shape.size == 4 &&
            shape.first() == 1 && shape.last() == 3 && isFixed && low != null && high != null && low < high &&
            (dtype == "float32" || ((dtype == "uint8" || dtype == "int8") && scale > 0))

    /** Whether it holds plain numbers: a float32 tensor of one size. */
    val isNumbers: Boolean get() = kind == "tensor" && color == null && dtype == "float32" && isFixed

    private val isFixed: Boolean get() = shape.isNotEmpty() && shape.all { it != null && it > 0 }

    /** Pixels from left to right of a picture. */
    val width: Int get() = checkNotNull(shape[2])

    /** Pixels from top to bottom of a picture. */
    val height: Int get() = checkNotNull(shape[1])

    /** How many values it holds. */
    val count: Int get() = shape.fold(1) { product, side -> Math.multiplyExact(product, checkNotNull(side)) }

    /** How many bytes it takes. */
    val bytes: Int get() = Math.multiplyExact(count, if (dtype == "float32") Float.SIZE_BYTES else 1)

    /** Shape, type and range in words, for a message. */
    override fun toString(): String {
        val sizes = shape.joinToString("x") { it?.toString() ?: "any" }
        return "$name ($kind $sizes $dtype ${layout ?: "no layout"} ${color ?: "no picture"} $low..$high)"
    }
}

/** The inputs and outputs of a model file, in its order. */
data class Signature(val inputs: List<Port>, val outputs: List<Port>) {
    companion object {
        private val LONG = setOf("inputs", "outputs")

        /** Reads either form of a signature; [target] tells the types that older manifests leave out. */
        internal fun read(entry: Json, target: String): Signature {
            if (entry.entries().keys.any { it in LONG }) {
                return Signature(entry["inputs"].items().map(::port), entry["outputs"].items().map(::port))
            }
            val dtype = entry.find("dtype")?.text() ?: arrayType(target)
            val layout = entry.find("layout")?.text() ?: if (dtype == null) "NCHW" else "NHWC"
            val size = listOf(entry["height"].whole(), entry["width"].whole())
            val port = Port(
                name = entry["input_name"].text(),
                kind = if (dtype == null) "image" else "tensor",
                shape = if (layout == "NHWC") listOf(1) + size + 3 else listOf(1, 3) + size,
                dtype = dtype ?: "uint8",
                layout = layout,
                color = entry["color"].text(),
                low = entry["low"].number(),
                high = entry["high"].number(),
            )
            return Signature(listOf(port), listOf(port.copy(name = entry["output_name"].text())))
        }

        private fun arrayType(target: String): String? = when {
            target == "tflite-int8" -> "uint8"
            target.startsWith("tflite-") || target.startsWith("onnx-") -> "float32"
            else -> null
        }

        private fun port(entry: Json) = Port(
            name = entry["name"].text(),
            kind = entry.find("kind")?.text() ?: "tensor",
            shape = entry.find("shape")?.items().orEmpty().map { if (it.value == null) null else it.whole() },
            dtype = entry.find("dtype")?.text() ?: "float32",
            layout = entry.find("layout")?.text(),
            color = entry.find("color")?.text(),
            low = entry.find("low")?.number(),
            high = entry.find("high")?.number(),
            scale = entry.find("scale")?.number() ?: 1.0,
            zeroPoint = entry.find("zero_point")?.whole() ?: 0,
        )
    }
}
