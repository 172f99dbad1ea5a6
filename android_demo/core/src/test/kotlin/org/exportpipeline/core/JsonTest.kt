package org.exportpipeline.core

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Test
import org.junit.jupiter.params.ParameterizedTest
import org.junit.jupiter.params.provider.ValueSource

class JsonTest {
    @Test
    fun `it reads every kind of value`() {
        val json = Json.parse(""" {"a": [1, -2.5e1, true, null], "b": "\u00e4\n\"\\\/", "c": {}} """)
        assertEquals(listOf(1L, -25.0, true, null), json["a"].value)
        assertEquals("ä\n\"\\/", json["b"].text())
        assertEquals(emptyMap<String, Json>(), json["c"].entries())
        assertNull(json.find("d"))
    }

    @ParameterizedTest
    @ValueSource(
        strings = [
            "", " ", "{", "[1", "{\"a\":}", "{\"a\" 1}", "{a: 1}", "[1,]", "[1 2]", "01", "+1", ".5", "1.", "nul", "tru",
            "\"\u0001\"", "\"\\x\"", "\"\\u12g4\"", "\"\\u12", "\"open", "1 2", "{\"a\": 1, \"a\": 2}", "NaN", "'a'",
        ],
    )
    fun `it refuses what is no JSON`(text: String) {
        assertThrows(JsonProblem::class.java) { Json.parse(text) }
    }

    @Test
    fun `it refuses nesting that would exhaust the stack`() {
        assertThrows(JsonProblem::class.java) { Json.parse("[".repeat(100_000)) }
    }

    @Test
    fun `a value of another type is told with its place`() {
        val json = Json.parse("""{"a": {"b": ["x", 1.5, 4294967296]}}""")
        val item = { index: Int -> json["a"]["b"].items()[index] }
        assertEquals("the document.a.b[0] is not a number", assertThrows(JsonProblem::class.java) { item(0).number() }.message)
        assertThrows(JsonProblem::class.java) { item(1).whole() }
        assertThrows(JsonProblem::class.java) { item(2).whole() }
        assertThrows(JsonProblem::class.java) { item(1).text() }
        assertThrows(JsonProblem::class.java) { json["a"].items() }
        assertThrows(JsonProblem::class.java) { json["a"]["c"] }
    }

    @Test
    fun `what it writes it reads`() {
        val value = mapOf("a" to listOf(1L, 2.5, "x\n\"\\ä\u0001", true, null), "b" to emptyMap<String, Any>(), "c" to emptyList<Any>())
        assertEquals(value, Json.parse(Json.render(value)).value)
        assertThrows(IllegalArgumentException::class.java) { Json.render(Double.NaN) }
        assertThrows(IllegalArgumentException::class.java) { Json.render(Any()) }
    }
}
