// node netron_readers.mjs NETRON FILE...: what Netron's own readers, in the folder NETRON, find in files; a line each.
import * as fs from 'node:fs';
import * as path from 'node:path';
import { pathToFileURL } from 'node:url';

const [folder, ...files] = process.argv.slice(2);
const load = (name) => import(pathToFileURL(path.join(folder, `${name}.js`)));
const base = await load('base');
const view = await load('view');

// What a window would give Netron.
const host = {
  environment: () => undefined,
  require: (id) => load(id.replace('./', '')),
  request: async (file, encoding) => {
    const data = fs.readFileSync(path.join(folder, file), encoding);
    return encoding ? data : new base.BinaryStream(data);
  },
};

for (const file of files) {
  const context = {
    identifier: path.basename(file),
    stream: new base.BinaryStream(fs.readFileSync(file)),
    entries: new Map(),
    container: null,
    request: (name, encoding) => host.request(name, encoding),
    require: (id) => host.require(id),
    error: (error) => { throw error; },
  };
  const model = await new view.ModelFactoryService(host).open(context);
  const [graph] = model.modules;
  const kinds = [...new Set(graph.nodes.map((node) => node.type.name))].sort();
  console.log(`${path.basename(file)}: ${model.format}, ${graph.nodes.length} nodes: ${kinds.join(', ')}`);
}
