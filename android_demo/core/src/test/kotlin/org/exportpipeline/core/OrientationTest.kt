package org.exportpipeline.core

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Test
import org.junit.jupiter.params.ParameterizedTest
import org.junit.jupiter.params.provider.CsvSource
import org.junit.jupiter.params.provider.EnumSource

class OrientationTest {
    @ParameterizedTest
    @EnumSource
    fun `sides change places exactly where it says so`(orientation: Orientation) {
        val turned = orientation.applyTo(pattern(3, 2))
        assertEquals(if (orientation.turnsSides) 2 to 3 else 3 to 2, turned.width to turned.height)
    }

    @Test
    fun `a quarter turn and a quarter turn back give the picture`() {
        val picture = pattern(5, 3)
        assertEquals(picture, Orientation.ROTATED_270.applyTo(Orientation.ROTATED_90.applyTo(picture)))
    }

    @ParameterizedTest
    @CsvSource(
        // Phones: the sensor lies across. A display turned with the phone makes up for it.
        "90, 0, false, ROTATED_90", "90, 90, false, UPRIGHT", "90, 180, false, ROTATED_270", "90, 270, false, ROTATED_180",
        "0, 0, false, UPRIGHT", "270, 0, false, ROTATED_270",
        "270, 0, true, TRANSVERSED", "270, 90, true, MIRRORED", "270, 180, true, TRANSPOSED", "270, 270, true, FLIPPED",
        "90, 0, true, TRANSPOSED",
    )
    fun `a camera's picture is upright, a selfie's mirrored`(sensor: Int, display: Int, front: Boolean, expected: Orientation) {
        assertEquals(expected, Orientation.ofCamera(sensor, display, front))
    }

    @ParameterizedTest
    @CsvSource("0, MIRRORED", "90, TRANSPOSED", "180, FLIPPED", "270, TRANSVERSED")
    fun `a selfie is the turned picture in a mirror`(sensor: Int, expected: Orientation) {
        val picture = pattern(5, 3)
        val turned = Orientation.ofCamera(sensor, 0, front = false).applyTo(picture)
        assertEquals(Orientation.MIRRORED.applyTo(turned), expected.applyTo(picture))
        assertEquals(expected, Orientation.ofCamera(sensor, 0, front = true))
    }

    @Test
    fun `nonsense in a file's tag is upright, a crooked sensor an error`() {
        assertEquals(Orientation.UPRIGHT, Orientation.ofExif(0))
        assertEquals(Orientation.UPRIGHT, Orientation.ofExif(9))
        assertThrows(IllegalArgumentException::class.java) { Orientation.ofCamera(45, 0, false) }
    }
}
