// The files that are to go with the next message, and why others were not taken.
import { useState } from 'react';
import { isRefusal, readAttachment, refusalOf } from './attachments.ts';
import type { Attachment } from './chat.ts';

export interface Attaching {
  readonly attachments: readonly Attachment[];
  readonly refusals: readonly string[];
  readonly add: (files: readonly File[]) => void;
  readonly remove: (index: number) => void;
  readonly clear: () => void;
}

export function useAttaching(model: { readonly modelId: string | null; readonly hasVision: boolean }): Attaching {
  const [attachments, setAttachments] = useState<readonly Attachment[]>([]);
  const [refusals, setRefusals] = useState<readonly string[]>([]);
  const take = async (files: readonly File[]): Promise<void> => {
    const taken: Attachment[] = [];
    const refused: string[] = [];
    for (const file of files) {
      const refusal = refusalOf(file, { ...model, count: attachments.length + taken.length });
      const read = refusal ?? (await readAttachment(file));
      if (isRefusal(read)) refused.push(read);
      else taken.push(read);
    }
    setAttachments((before) => [...before, ...taken]);
    setRefusals([...new Set(refused)]);
  };
  return {
    attachments,
    refusals,
    add: (files) => void take(files),
    remove: (index) => setAttachments((before) => before.filter((_, at) => at !== index)),
    clear: () => {
      setAttachments([]);
      setRefusals([]);
    },
  };
}
