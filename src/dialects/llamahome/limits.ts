// What LlamaHome promises of limits, as its routes need it: whoever counts is passed in.

export interface LlamaHomeLimits {
  /** Counts a request once more, under a limit that only its route knows to apply. Throws `rate_limited`. */
  require(name: 'llamahomeRate' | 'llamahomeBatchRate', request: Request): void;
  /** One of the places that this caller has for streams, until it is disposed of. Throws `rate_limited`. */
  holdStream(request: Request): Disposable;
}
