package org.exportpipeline.core

/** A document is not JSON, or a value in it is missing or of another type; the message says where and what. */
class JsonProblem(message: String) : Exception(message)

/**
 * A JSON value, and where in its document it stands.
 *
 * Objects are maps in the order of the document, arrays lists, numbers [Long] or [Double]. There is no Android and no
 * library here, so that the package can be copied into any app.
 */
class Json internal constructor(val value: Any?, private val place: String) {

    /** The value of [key] of an object. */
    operator fun get(key: String): Json = find(key) ?: throw JsonProblem("$place has no \"$key\"")

    /** The value of [key], or null where there is none or it is null. */
    fun find(key: String): Json? = entries()[key]?.takeIf { it.value != null }

    /** All values of an object by key. */
    fun entries(): Map<String, Json> {
        val map = value as? Map<*, *> ?: throw wrong("an object")
        return map.entries.associate { (key, held) -> key as String to Json(held, "$place.$key") }
    }

    /** All values of an array. */
    fun items(): List<Json> {
        val list = value as? List<*> ?: throw wrong("a list")
        return list.mapIndexed { index, held -> Json(held, "$place[$index]") }
    }

    /** A string. */
    fun text(): String = value as? String ?: throw wrong("a text")

    /** A number. */
    fun number(): Double = (value as? Number ?: throw wrong("a number")).toDouble()

    /** A whole number that an Int holds. */
    fun whole(): Int {
        val long = value as? Long ?: throw wrong("a whole number")
        return if (long in Int.MIN_VALUE..Int.MAX_VALUE) long.toInt() else throw wrong("a smaller number")
    }

    /** A whole number. */
    fun long(): Long = value as? Long ?: throw wrong("a whole number")

    /** true or false. */
    fun flag(): Boolean = value as? Boolean ?: throw wrong("true or false")

    private fun wrong(wanted: String) = JsonProblem("$place is not $wanted")

    companion object {
        /**
         * Reads one document.
         *
         * @throws JsonProblem it is not JSON, names a key twice, or is nested deeper than any of ours.
         */
        fun parse(text: String): Json = Json(JsonReader(text).document(), "the document")

        /** [value] (maps, lists, texts, numbers, flags, null) as JSON, indented by one space a level. */
        fun render(value: Any?): String = StringBuilder().also { write(it, value, 1) }.append('\n').toString()

        private fun write(out: StringBuilder, value: Any?, depth: Int) {
            when (value) {
                is Map<*, *> -> group(out, '{', '}', value.entries, depth) { (key, held) ->
                    quote(out, key as String)
                    out.append(": ")
                    write(out, held, depth + 1)
                }
                is Iterable<*> -> group(out, '[', ']', value.toList(), depth) { write(out, it, depth + 1) }
                is String -> quote(out, value)
                is Double -> {
                    require(value.isFinite()) { "JSON has no $value" }
                    out.append(value)
                }
                null, is Int, is Long, is Boolean -> out.append(value)
                else -> throw IllegalArgumentException("JSON has no ${value::class.simpleName}")
            }
        }

        private fun <T> group(
            out: StringBuilder, open: Char, close: Char, items: Collection<T>, depth: Int, each: (T) -> Unit,
        ) {
            out.append(open)
            items.forEachIndexed { index, item ->
                out.append(if (index == 0) "\n" else ",\n").append(" ".repeat(depth))
                each(item)
            }
            if (items.isNotEmpty()) out.append('\n').append(" ".repeat(depth - 1))
            out.append(close)
        }

        private fun quote(out: StringBuilder, text: String) {
            out.append('"')
            for (char in text) {
                when {
                    char == '"' || char == '\\' -> out.append('\\').append(char)
                    char < ' ' -> out.append("\\u%04x".format(char.code))
                    else -> out.append(char)
                }
            }
            out.append('"')
        }
    }
}
