// What mends things of the system rather than of ours, in the words of each system. Pure.

type Platform = NodeJS.Platform;

/** Has the clock follow a server of times. */
export function clockCommand(platform: Platform = process.platform): string {
  if (platform === 'win32') return 'w32tm /resync';
  return platform === 'darwin' ? 'sudo sntp -sS time.apple.com' : 'sudo timedatectl set-ntp true';
}

/** Has programs that this user starts reach this machine past the proxy. */
export function unproxiedCommand(platform: Platform = process.platform): string {
  const names = 'localhost,127.0.0.1,::1';
  return platform === 'win32' ? `setx NO_PROXY ${names}` : `export NO_PROXY=${names}`;
}

export const endCommand = (pid: number, platform: Platform = process.platform): string =>
  platform === 'win32' ? `taskkill /PID ${pid} /F` : `kill ${pid}`;
