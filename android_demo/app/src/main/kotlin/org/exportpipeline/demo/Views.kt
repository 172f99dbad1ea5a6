package org.exportpipeline.demo

import android.app.Activity
import android.view.View

/** The view [id] of a layout that has it; `requireViewById` came with API 28. */
internal fun <V : View> Activity.view(id: Int): V = checkNotNull(findViewById<V>(id)) { "no view $id" }
