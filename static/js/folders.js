// The files in what was dropped or chosen, with their paths below it.

/** @param {FileSystemDirectoryEntry} folder @returns {Promise<FileSystemEntry[]>} */
async function entriesOf(folder) {
  const reader = folder.createReader();
  const found = [];
  // Browsers give a hundred at a time.
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) return found;
    found.push(...some);
  }
}

/** @param {FileSystemEntry} entry @returns {Promise<{file: File, path: string}[]>} */
async function filesOf(entry) {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    return [{ file, path: entry.fullPath.replace(/^\//, "") }];
  }
  const found = [];
  for (const inner of await entriesOf(entry)) found.push(...(await filesOf(inner)));
  return found;
}

/** @param {DataTransfer} dropped @returns {Promise<{file: File, path: string}[]>} */
export async function droppedFiles(dropped) {
  // The list is emptied when the event is over, so the entries are taken first.
  const entries = [...dropped.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (entries.length === 0) return chosenFiles(dropped.files);
  const found = [];
  for (const entry of entries) found.push(...(await filesOf(entry)));
  return found;
}

/** @param {FileList} files @returns {{file: File, path: string}[]} */
export function chosenFiles(files) {
  return [...files].map((file) => ({ file, path: file.webkitRelativePath || file.name }));
}
