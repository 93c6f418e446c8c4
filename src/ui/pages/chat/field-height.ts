// A field that is as high as its text, up to what its style allows.
export function fitHeight(field: HTMLTextAreaElement | null): undefined {
  if (field === null) return;
  field.style.height = 'auto';
  field.style.height = `${field.scrollHeight + 2}px`;
}
