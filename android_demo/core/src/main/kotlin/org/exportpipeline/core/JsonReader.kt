package org.exportpipeline.core

/** Reads JSON as RFC 8259 has it, into maps, lists, texts, [Long], [Double], flags and null. */
internal class JsonReader(private val text: String) {
    private var at = 0
    private var depth = 0

    fun document(): Any? {
        val found = value()
        skipSpace()
        if (at != text.length) throw unexpected()
        return found
    }

    private fun value(): Any? {
        skipSpace()
        return when (peek()) {
            '{' -> nested { members() }
            '[' -> nested { elements() }
            '"' -> string()
            't' -> word("true", true)
            'f' -> word("false", false)
            'n' -> word("null", null)
            else -> number()
        }
    }

    private fun <T> nested(read: () -> T): T {
        if (++depth > MOST_DEPTH) throw JsonProblem("it is nested deeper than $MOST_DEPTH levels")
        at++
        return read().also { depth-- }
    }

    private fun members(): Map<String, Any?> {
        val found = LinkedHashMap<String, Any?>()
        if (ends('}')) return found
        do {
            skipSpace()
            val key = string()
            skipSpace()
            expect(':')
            if (key in found) throw JsonProblem("\"$key\" is there twice")
            found[key] = value()
        } while (goesOn('}'))
        return found
    }

    private fun elements(): List<Any?> {
        val found = ArrayList<Any?>()
        if (ends(']')) return found
        do found += value() while (goesOn(']'))
        return found
    }

    private fun ends(close: Char): Boolean {
        skipSpace()
        return (peek() == close).also { if (it) at++ }
    }

    private fun goesOn(close: Char): Boolean {
        if (ends(close)) return false
        expect(',')
        return true
    }

    private fun string(): String {
        expect('"')
        val out = StringBuilder()
        while (true) {
            when (val char = next()) {
                '"' -> return out.toString()
                '\\' -> out.append(escaped())
                else -> if (char < ' ') throw unexpected() else out.append(char)
            }
        }
    }

    private fun escaped(): Char = when (val char = next()) {
        '"', '\\', '/' -> char
        'b' -> '\b'
        'f' -> '\u000c'
        'n' -> '\n'
        'r' -> '\r'
        't' -> '\t'
        'u' -> {
            val digits = text.substring(at, minOf(at + 4, text.length))
            if (digits.length < 4 || digits.any { it.digitToIntOrNull(16) == null }) throw unexpected()
            at += 4
            digits.toInt(16).toChar()
        }
        else -> throw unexpected()
    }

    private fun number(): Number {
        val digits = NUMBER.matchAt(text, at)?.value ?: throw unexpected()
        at += digits.length
        return digits.toLongOrNull() ?: digits.toDouble()
    }

    private fun word(word: String, value: Any?): Any? {
        if (!text.startsWith(word, at)) throw unexpected()
        at += word.length
        return value
    }

    private fun skipSpace() {
        while (at < text.length && text[at] in " \t\r\n") at++
    }

    private fun peek(): Char = if (at < text.length) text[at] else throw JsonProblem("it is cut off")

    private fun next(): Char = peek().also { at++ }

    private fun expect(char: Char) {
        if (peek() != char) throw unexpected()
        at++
    }

    private fun unexpected() = JsonProblem("unexpected character at ${minOf(at, text.length)}")

    private companion object {
        const val MOST_DEPTH = 64
        val NUMBER = Regex("-?(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][+-]?[0-9]+)?")
    }
}
