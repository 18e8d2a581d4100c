// Files that a visitor drops on the page, or chooses.

export function takeFiles(input, taken, failed) {
  const read = (files) => Promise.all(files.map(async (file) => [file.name, await bytes(file)]));
  const take = (files) => read(files).then(taken, failed);
  input.onchange = async () => {
    const files = [...input.files];
    // So that the same files can be chosen again.
    input.value = '';
    await take(files);
  };
  const mark = (isOver) => document.body.classList.toggle('dropping', isOver);
  addEventListener('dragover', (event) => {
    event.preventDefault();
    mark(true);
  });
  addEventListener('dragleave', ({ relatedTarget }) => relatedTarget || mark(false));
  addEventListener('drop', (event) => {
    event.preventDefault();
    mark(false);
    const files = [...event.dataTransfer.files];
    if (files.length) take(files);
  });
}

const bytes = async (file) => new Uint8Array(await file.arrayBuffer());
