// A file of the server, saved on this device under the name that the server gives it.
import { open } from '../../api/client.ts';
import { saveFile } from '../../parts/save-file.ts';

export async function saveFrom(path: string): Promise<void> {
  const response = await open('GET', path);
  const name = /filename\*=UTF-8''([^;]+)/.exec(response.headers.get('content-disposition') ?? '')?.[1];
  saveFile(name === undefined ? 'chat' : decodeURIComponent(name), await response.blob());
}
