package org.cristae.fiji.command;

import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.ui.Evaluation;
import org.cristae.fiji.ui.EvaluationDialog;

/** Plugins > Cristae > Cristae Evaluate: how good a label image is, compared with a true one. */
public final class Evaluate extends Command {
  @Override
  void scripted(String options) throws CristaeException {
    runToEnd(Evaluation.prepare(Evaluation.choices().parse(options)));
  }

  @Override
  void interactive() throws CristaeException {
    ask(EvaluationDialog::ask, Evaluation::prepare);
  }
}
