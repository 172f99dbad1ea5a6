package org.exportpipeline.demo

import android.content.res.AssetManager
import java.io.FileNotFoundException
import java.io.InputStream
import org.exportpipeline.core.BundleFiles

/**
 * A bundle that the app was built with.
 *
 * @property name of the bundle; [label] is for the screen.
 */
class Style(val name: String, files: BundleFiles) : BundleFiles by files {
    val label: String = name.replace('_', ' ').replaceFirstChar(Char::uppercase)

    companion object {
        private const val FOLDER = "bundles"

        /** Every bundle among the assets; whether each is whole is seen when it is opened. */
        fun all(assets: AssetManager): List<Style> {
            // Phones list the folders, Robolectric the files in them.
            val names = assets.list(FOLDER).orEmpty().map { it.substringBefore('/') }.distinct().sorted()
            return names.map { name -> Style(name) { path -> assets.find("$FOLDER/$name/$path") } }
        }

        private fun AssetManager.find(path: String): InputStream? = try {
            open(path)
        } catch (_: FileNotFoundException) {
            null
        }
    }
}
