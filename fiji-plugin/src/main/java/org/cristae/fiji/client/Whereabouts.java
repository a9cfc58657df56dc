package org.cristae.fiji.client;

/** Knows where a server listens that does not answer where it did. */
public interface Whereabouts {
  /** Stays where it is, or is gone. */
  Whereabouts FIXED = () -> null;

  /**
   * Where it listens by now; one that has gone may be started again first. Blocks until then.
   *
   * @return null if that is not known
   * @throws CristaeException if it has gone for good
   */
  ServerAddress now() throws CristaeException;
}
