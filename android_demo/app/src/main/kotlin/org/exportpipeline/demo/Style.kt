package org.exportpipeline.demo

import android.content.res.AssetManager
import java.io.FileNotFoundException
import java.io.InputStream
import org.exportpipeline.core.BundleFiles

/**
 * A bundle among the app's assets.
 *
 * @property name of its folder; [label] is for the screen.
 */
class Style(val name: String, private val assets: AssetManager) : BundleFiles {
    val label: String = name.replace('_', ' ').replaceFirstChar(Char::uppercase)

    override fun open(path: String): InputStream? = try {
        assets.open("$FOLDER/$name/$path")
    } catch (_: FileNotFoundException) {
        null
    }

    companion object {
        private const val FOLDER = "bundles"

        /** Every bundle that the app was built with; whether each is whole is seen when it is opened. */
        fun all(assets: AssetManager): List<Style> =
            assets.list(FOLDER).orEmpty().sorted().map { Style(it, assets) }
    }
}
