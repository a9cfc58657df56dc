package org.cristae.fiji.command;

import org.cristae.fiji.client.CristaeException;
import org.cristae.fiji.ui.TrainDialog;
import org.cristae.fiji.ui.Training;
import org.cristae.fiji.ui.TrainingChoices;

/** Plugins > Cristae > Cristae Train: makes a model from an image and labels. */
public final class Train extends Command {
  @Override
  void scripted(String options) throws CristaeException {
    runToEnd(Training.prepare(TrainingChoices.none().parse(options)));
  }

  @Override
  void interactive() throws CristaeException {
    ask(TrainDialog::ask, Training::prepare);
  }
}
