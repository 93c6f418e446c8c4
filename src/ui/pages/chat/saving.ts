// A file of the server, saved on this device under the name that the server gives it.
import { open } from '../../api/client.ts';

export async function saveFrom(path: string): Promise<void> {
  const response = await open('GET', path);
  const name = /filename\*=UTF-8''([^;]+)/.exec(response.headers.get('content-disposition') ?? '')?.[1];
  const address = URL.createObjectURL(await response.blob());
  const link = document.createElement('a');
  link.href = address;
  link.download = name === undefined ? 'chat' : decodeURIComponent(name);
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
