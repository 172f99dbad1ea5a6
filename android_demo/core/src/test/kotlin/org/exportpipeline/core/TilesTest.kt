package org.exportpipeline.core

import java.nio.ByteOrder
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.params.ParameterizedTest
import org.junit.jupiter.params.provider.CsvSource

class TilesTest {
    @ParameterizedTest
    @CsvSource("24, 32, 4", "25, 33, 4", "100, 80, 8", "61, 32, 0", "24, 200, 20")
    fun `tiles of a model that changes nothing are the photograph, to the last pixel`(width: Int, height: Int, overlap: Int) {
        val photo = pattern(width, height)
        assertEquals(photo, stylizer(FakeEngine(), pictures(24, 32)).use { Tiles(it, overlap).stylize(photo) })
    }

    @Test
    fun `tiles of different tone go over into each other without a step`() {
        var tone = 0f
        val engine = FakeEngine { _, outputs ->
            val floats = outputs[0].duplicate().order(ByteOrder.nativeOrder()).asFloatBuffer()
            while (floats.hasRemaining()) floats.put(tone)
            tone += 60f
        }
        val made = stylizer(engine, pictures(24, 32)).use { checkNotNull(Tiles(it, 12).stylize(pattern(36, 32))) }
        val row = made.pixels.take(36).map { red(it) }
        assertEquals(0, row.first())
        assertEquals(60, row.last())
        assertTrue(row.zipWithNext().all { (left, right) -> right - left in 0..5 }, row.toString())
    }

    @Test
    fun `it tells how far it is, and stops when told to`() {
        val seen = mutableListOf<Pair<Int, Int>>()
        val engine = FakeEngine()
        stylizer(engine, pictures(24, 32)).use { opened ->
            val stopped = Tiles(opened, 4).stylize(pattern(44, 60)) { done, all -> seen.add(done to all) && done < 2 }
            assertNull(stopped)
        }
        assertEquals(listOf(0 to 4, 1 to 4, 2 to 4), seen)
        assertEquals(2, engine.runs)
    }

    @Test
    fun `a photograph smaller than the model, or overlaps of whole tiles, are errors`() {
        stylizer(FakeEngine(), pictures(24, 32)).use { opened ->
            assertThrows(IllegalArgumentException::class.java) { Tiles(opened, 4).stylize(pattern(23, 32)) }
            assertThrows(IllegalArgumentException::class.java) { Tiles(opened, 24).stylize(pattern(50, 50)) }
        }
    }
}
