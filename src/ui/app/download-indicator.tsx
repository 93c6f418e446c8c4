// How the downloads under way are coming along, in the frame of every page; nothing where there are none.
export function DownloadIndicator() {
  return null;
}
