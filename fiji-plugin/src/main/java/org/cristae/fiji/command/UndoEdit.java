package org.cristae.fiji.command;

import org.cristae.fiji.client.CristaeException;

/** Plugins > Cristae > Cristae Undo Edit: takes back the last merge or split. */
public final class UndoEdit extends Command {
  @Override
  void scripted(String options) throws CristaeException {
    runToEnd(
        org.cristae.fiji.ui.UndoEdit.prepare(
            org.cristae.fiji.ui.UndoEdit.choices().parse(options)));
  }

  @Override
  void interactive() throws CristaeException {
    now(org.cristae.fiji.ui.UndoEdit.active(), org.cristae.fiji.ui.UndoEdit::prepare);
  }
}
