// The API key of this browser: kept in this tab (or, when asked to, on this device), sent to this server alone, never put
// into an address. The API documents' page finds it under the same name.
const NAME = 'drover-key';

const listeners = new Set<() => void>();

/** Null: none is kept. */
export const keptKey = (): string | null => sessionStorage.getItem(NAME) ?? localStorage.getItem(NAME);

export function keepKey(key: string, isRemembered: boolean): void {
  sessionStorage.setItem(NAME, key);
  if (isRemembered) localStorage.setItem(NAME, key);
  for (const listener of listeners) listener();
}

export function forgetKey(): void {
  sessionStorage.removeItem(NAME);
  localStorage.removeItem(NAME);
  for (const listener of listeners) listener();
}

export function onKeyChange(listener: () => void): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}
