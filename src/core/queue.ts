// The waiting tickets in order of arrival, and who has been told what place. It must never decide who is next.
import type { Ticket } from './scheduler-model.ts';

export class Queue {
  // A Map keeps the order of arrival and forgets in one step.
  readonly #tickets = new Map<number, Ticket>();
  readonly #told = new Map<number, string>();

  add(ticket: Ticket): void {
    this.#tickets.set(ticket.id, ticket);
  }

  has(ticket: Ticket): boolean {
    return this.#tickets.has(ticket.id);
  }

  /** False: it was not waiting. */
  drop(ticket: Ticket): boolean {
    this.#told.delete(ticket.id);
    return this.#tickets.delete(ticket.id);
  }

  all(): Ticket[] {
    return [...this.#tickets.values()];
  }

  of(modelId: string): Ticket[] {
    return this.all().filter((ticket) => ticket.modelId === modelId);
  }

  /** Calls `tell` for each ticket whose place (from 1) or obstacle is new; those whose model loads have left the line. */
  tellNews(
    isLoading: (modelId: string) => boolean,
    waitingFor: ReadonlyMap<string, string | null>,
    tell: (ticket: Ticket, position: number, waitingFor: string | null) => void,
  ): void {
    let position = 0;
    for (const ticket of this.all()) {
      if (isLoading(ticket.modelId)) continue;
      position += 1;
      const obstacle = waitingFor.get(ticket.modelId) ?? null;
      const news = `${position} ${obstacle}`;
      if (this.#told.get(ticket.id) === news) continue;
      this.#told.set(ticket.id, news);
      tell(ticket, position, obstacle);
    }
  }
}
