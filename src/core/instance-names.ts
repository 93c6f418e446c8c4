// What an instance may be called, which file it may name, and on which port it may answer. It must never let a name through
// that hides a route or leads out of a folder.
import { isAbsolute } from 'node:path';
import { Fault } from '../base/fault.ts';
import { isFreePort } from '../base/port.ts';
import { isReserved } from '../models/names.ts';
import type { BookedModel } from './model-book.ts';

const NAME = /^[A-Za-z0-9._-]{1,50}$/;
export const LEAST_PORT = 1024;
export const LAST_PORT = 65_535;

/** Throws `bad_request`. */
export function requireName(name: string): void {
  // Dots alone are steps in a path, and clients take them before they ask.
  if (!NAME.test(name) || /^\.+$/.test(name)) {
    throw new Fault('bad_request', 'A name is 1 to 50 letters, digits, dots, dashes or underscores.', {
      details: { field: 'name' },
    });
  }
  if (!isReserved(name)) return;
  throw new Fault('bad_request', `"${name}" cannot be a name: it stands for something else in the API.`, {
    hint: 'Choose another name.',
    details: { field: 'name' },
  });
}

/** The file need not be there yet. Throws `bad_request`. */
export function requirePath(path: string): void {
  const isUsable = path.length <= 4096 && !/\p{Cc}/u.test(path) && isAbsolute(path);
  if (isUsable) return;
  throw new Fault('bad_request', 'model_path must be an absolute path.', {
    hint: 'Give the whole path of a GGUF file.',
    details: { field: 'model_path' },
  });
}

/** The ports that instances have, running or not, with their names. */
export const heldPorts = (booked: readonly BookedModel[]): ReadonlyMap<number, string> =>
  new Map(
    booked.flatMap(({ name, document }) => (typeof document.port === 'number' ? [[document.port, name] as const] : [])),
  );

/** Throws `bad_request` out of range, `port_taken` where another instance has it or somebody listens there. */
export function requirePort(port: number, held: ReadonlyMap<number, string>, own: string): void {
  if (!Number.isInteger(port) || port < LEAST_PORT || port > LAST_PORT) {
    throw new Fault('bad_request', `A port is a whole number from ${LEAST_PORT} to ${LAST_PORT}.`, {
      details: { field: 'port' },
    });
  }
  const holder = held.get(port);
  if (holder !== undefined && holder !== own) throw takenPort(port, `by the instance "${holder}"`);
  if (!isFreePort(port)) throw takenPort(port, 'by something that listens there');
}

export const takenPort = (port: number, by: string): Fault =>
  new Fault('port_taken', `Port ${port} is taken ${by}.`, {
    hint: 'Choose another port, or leave it out: then a free one is given.',
    details: { port },
  });
