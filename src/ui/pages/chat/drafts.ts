// What was typed and not sent, by chat, kept on this device until it is.
const NAME = 'drover-draft';
const nameOf = (chatId: string | null): string => `${NAME}-${chatId ?? 'new'}`;

export const draftOf = (chatId: string | null): string => localStorage.getItem(nameOf(chatId)) ?? '';

export function keepDraft(chatId: string | null, text: string): void {
  try {
    if (text === '') localStorage.removeItem(nameOf(chatId));
    else localStorage.setItem(nameOf(chatId), text);
  } catch {
    // The device keeps no more; the text is still in its field.
  }
}

const LAST_MODEL = 'drover-chat-model';
export const lastModel = (): string | null => localStorage.getItem(LAST_MODEL);
export const keepLastModel = (modelId: string): void => localStorage.setItem(LAST_MODEL, modelId);
