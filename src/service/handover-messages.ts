// What a server and its successor say to each other while the one takes over from the other. The two may be of different
// versions (an upgrade is a restart too), so what is not understood is left out, never guessed. Pure.
//
//   predecessor                          successor
//   starts it ------------------------->  reads and checks the configuration
//             <------------- prepared --
//   rests what only one may do,
//   lets go of the data folder's lock
//             -- go ------------------->  takes the lock, opens the store, looks at models and engine
//             <----------- wants-port --  only where the listening socket could not be handed over
//   closes its listener
//             -- port-free ------------>  binds the address, trying for a few seconds
//             <------------ listening --  answers from now on
//   takes no new connection, ends what it has begun
//             -- holdings ------------->  each time when one of its models has left
//   hangs up, leaves
import { type Static, Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';

const bytes = Type.Number();
const Holding = Type.Object({
  modelId: Type.String(),
  pid: Type.Union([Type.Integer({ minimum: 1 }), Type.Null()]),
  takes: Type.Array(Type.Object({ device: Type.String(), kvBytes: bytes, computeBytes: bytes, totalBytes: bytes })),
  reserve: Type.Record(Type.String(), bytes),
});
const holdings = Type.Array(Holding);

const Go = Type.Object({
  type: Type.Literal('go'),
  /** The predecessor's setting `listen`, and the port that it has (another one where that says 0). */
  listen: Type.String(),
  port: Type.Integer({ minimum: 1, maximum: 65_535 }),
  /** The key of this machine's command line: who has read it a moment ago is let in. */
  key: Type.String({ minLength: 16 }),
  /** The last event's number: readers that come over go on counting. */
  sequence: Type.Integer({ minimum: 0 }),
  holdings,
});
const PortFree = Type.Object({ type: Type.Literal('port-free') });
const Holdings = Type.Object({ type: Type.Literal('holdings'), holdings });
const Prepared = Type.Object({ type: Type.Literal('prepared') });
const WantsPort = Type.Object({ type: Type.Literal('wants-port') });
const Listening = Type.Object({ type: Type.Literal('listening'), url: Type.String() });
const Failed = Type.Object({
  type: Type.Literal('failed'),
  message: Type.String(),
  hint: Type.Union([Type.String(), Type.Null()]),
});

const FromPredecessor = Type.Union([Go, PortFree, Holdings]);
const FromSuccessor = Type.Union([Prepared, WantsPort, Listening, Failed]);

export type GoMessage = Static<typeof Go>;
export type FromPredecessor = Static<typeof FromPredecessor>;
export type FromSuccessor = Static<typeof FromSuccessor>;

/** Null: not understood. */
export const readFromPredecessor = (value: unknown): FromPredecessor | null =>
  Value.Check(FromPredecessor, value) ? value : null;
export const readFromSuccessor = (value: unknown): FromSuccessor | null =>
  Value.Check(FromSuccessor, value) ? value : null;

/** Marks a process as somebody's successor; no setting. The value says who goes on waiting for it: see `attendant`. */
export const MARK = 'DROVER_SUCCESSOR';
/** The descriptor under which a successor finds the listening socket, if it was given one. */
export const SOCKET_DESCRIPTOR = 3;
