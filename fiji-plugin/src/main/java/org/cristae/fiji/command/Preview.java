package org.cristae.fiji.command;

import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.ui.PreviewDialog;
import org.cristae.fiji.ui.PreviewWindow;
import org.cristae.fiji.ui.SlicePreview;

/** Plugins > Cristae > Cristae Preview: what a model makes of the slice that is shown, at once. */
public final class Preview extends Command {
  @Override
  void scripted(String options) throws CristaeException {
    runToEnd(SlicePreview.prepare(SlicePreview.choices().parse(options)));
  }

  @Override
  void interactive() throws CristaeException {
    ask(PreviewDialog::ask, SlicePreview::prepare, PreviewWindow::open);
  }
}
