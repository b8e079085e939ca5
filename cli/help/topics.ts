/**
 * What `qtrain help TOPIC` says: a screen each. The documents tell the rest.
 *
 * @module
 */

/** A topic of help. */
export interface Topic {
  /** One line for the list of topics. */
  readonly summary: string;
  readonly text: string;
}

/** The topics by name. */
export const TOPICS: Readonly<Record<string, Topic>> = {
  recipe: {
    summary: "how a recipe is written, and what it may say",
    text: `A recipe is a YAML file. Only data and model are required:

    data: { format: folder, root: photos, size: 64 }   # relative to the recipe
    model: { name: resnet8 }
    train: { epochs: 20, batch: 32, optimizer: { lr: 0.02 } }

qtrain init writes one for the data in a folder. A key that is not known is refused with its line. On
the command line, key=value sets any field by its dotted path:

    qtrain recipe.yaml train.epochs=1 quantize.arithmetic=float32

recipe.yaml in a run's folder has every default written out. qtrain check recipe.yaml prints layers and
memory without training. qtrain help KEY explains a field: qtrain help train.optimizer.lr.`,
  },
  formats: {
    summary: "formats of data, and how folders of images are read",
    text: `data.format is one of
    folder   images in a folder for each class: JPEG, PNG, WebP, GIF, BMP of any size
    idx      four IDX files, as MNIST and Fashion-MNIST are published, gzipped or not
    cifar    CIFAR-10 or CIFAR-100, binary or Python version
    npz      an .npz file or a folder of .npy files: x_train, y_train, x_test, y_test
    glyphs   line drawings that the program makes, for a first try

A folder may have the classes in it (photos/cats, photos/dogs: a tenth of each, at least one, is held
out to test), or folders to train and to test on (train and val, Training and Testing, …) with the classes
in them, or be laid out as Tiny ImageNet. What is left out is counted in a line. qtrain data recipe.yaml
counts images, measures pixels and draws what the network gets.

A path that does not exist beside the recipe is looked for by its name in QTRAIN_DATA.`,
  },
  networks: {
    summary: "networks by name, and your own",
    text: `model: { name: NAME }, NAME one of
    cnn, mlp                        for small grey images
    resnet8, resnet20               for small images
    resnet18, mobilenet-v2, vgg16   for photos; width: 16 makes them narrow and fast
    or model: { layers: [ … ] }     your own, layer by layer

    model:
      layers:
        - { type: conv2d, channels: 32, kernel: 3, padding: 1, bias: false }
        - batch_norm
        - relu
        - global_avg_pool
        - { type: linear, features: 10 }

qtrain check recipe.yaml prints shapes, parameters and memory.`,
  },
  "fine-tuning": {
    summary: "start from trained weights",
    text: `With a few hundred photos, start from weights that were trained on millions:

    data: { format: folder, root: photos, size: 224,
            mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] }
    model: { name: resnet18, stem: imagenet }
    init: resnet18.safetensors                  # or the folder of a run
    freeze: [conv1, norm1, "layer1-*", "layer2-*", "layer3-*"]

torchvision's weights, after pip install torchvision safetensors:

    python3 -c "import torchvision, safetensors.torch as s; s.save_file(torchvision.models.resnet18(weights='DEFAULT').state_dict(), 'resnet18.safetensors')"

mean and std are those that the weights were trained with. Where the classes differ, the last layer
starts from random values. Frozen layers keep their weights, and cost no gradients.`,
  },
  ranges: {
    summary: "int8: ranges, estimators, and what to do when values are clipped",
    text:
      `In int8, each tensor is stored in codes of 8 bits: its range says which value is the lowest code and
which the highest. A static range was estimated from earlier steps, so a tensor is quantized as it is
computed; a dynamic one needs the tensor first, which takes more memory traffic.

    quantize:
      arithmetic: int8        # simulated, float32
      gradients: { estimator: hindsight-minmax, momentum: 0.9 }

    hindsight-minmax    static    moving average of earlier minima and maxima (default)
    hindsight-guarded   static    the same, and opens at once when it clips
    delayed-max         static    largest magnitude of the last steps
    dsgc                static    searches now and then what keeps a gradient's direction
    fixed               static    range: [low, high]
    current-minmax      dynamic   the tensor's own minimum and maximum
    running-minmax      dynamic   the moving average, this tensor included

If much is clipped (the step line says how much and where), use hindsight-guarded. qtrain compare
recipe.yaml --estimators float32,hindsight-minmax tells what int8 costs in accuracy.`,
  },
  resume: {
    summary: "interrupt a run and continue it",
    text:
      `Ctrl-C finishes the steps in flight, saves a checkpoint and exits with 130; a second Ctrl-C quits at once.

    qtrain recipe.yaml --resume                 # the run in runs/NAME
    qtrain recipe.yaml --out DIR --resume       # another folder

continues from the newest whole checkpoint, also after a kill or a power cut, and ends in the same bits as
a run that was never interrupted. Checkpoints are written after each epoch and every
train.checkpoint_minutes (10). Some fields may change on the way, such as train.epochs=20; others are
refused with the field's name. A finished run is left as it is.`,
  },
  memory: {
    summary: "how much memory training takes, and how to limit it",
    text:
      `qtrain check recipe.yaml prints what training will take, to the byte, and what float32 would take.

    memory: 64MiB      # all buffers on the device; 0, the default: no limit

If more is needed, outputs of norms are computed a second time instead of kept, and the batch is cut into
micro-batches whose gradients are summed. If nothing fits, check and training say how much is missing.
To take less: a smaller train.batch, data.size or model.width, or freeze layers.`,
  },
  permissions: {
    summary: "what qtrain may read, write and reach",
    text:
      `qtrain needs --allow-read, --allow-write and a few environment variables; it opens no connection to a
network. Only the live view (qtrain watch, --watch) listens, on 127.0.0.1: it needs
--allow-net=127.0.0.1 too, as deno task live has it.

A recipe may come from anyone, so its paths may lead only to its own folder and to QTRAIN_DATA. To read
data elsewhere, give the path on the command line: data.root=PATH or init=PATH.`,
  },
  "exit-codes": {
    summary: "what the exit code says",
    text: `0     done
1     the run failed, or the system did: a full disk, a lost GPU, a diverged training
2     wrong usage, recipe or data; nothing was trained
130   interrupted: a checkpoint is written

Results go to stdout, progress and messages to stderr. --json writes events or results as JSON.`,
  },
  environment: {
    summary: "environment variables",
    text: `QTRAIN_DATA               folder searched for data that is not at the recipe's own path
QTRAIN_CACHE              folder of the cache of tiles, devices and passed self-tests
QTRAIN_NO_TUNE=1          keep the default tiles of kernels, as --no-tune
QTRAIN_NO_SELF_TEST=1     skip the self-test before training
QTRAIN_WATCHDOG=SECONDS   longest wait for the GPU (60); 0: no limit
QTRAIN_MPI=PATH           the MPI library of --mpi
QTRAIN_TERMS=edge         base limits and emulated dot products, as a small GPU has
DENO_WEBGPU_BACKEND=gl    allow OpenGL, where there is no Vulkan, Metal or Direct3D 12`,
  },
  seeing: {
    summary: "curves, reports, the live view and TensorBoard",
    text: `qtrain recipe.yaml --watch     trains, and shows the run in a browser while it goes on
qtrain watch runs              the same for runs that another process trains, or that are finished
qtrain report runs/photos      writes report.html: curves, confusion matrix, mistakes, ranges; of several
                               runs, side by side
qtrain runs                    lists runs with status, accuracy and time
qtrain eval runs/photos        each class, and which are confused; --split train on the training images
qtrain compare recipe.yaml --seeds 1,2,3   trains several and compares them

tensorboard: true in a recipe writes events/ in the run's folder, for tensorboard --logdir runs.

The live view listens on 127.0.0.1 alone, and needs permission for that: deno task live.`,
  },
  run: {
    summary: "the files in a run's folder",
    text: `recipe.yaml       the recipe with every default written out
metrics.jsonl     a line for each logged step and each epoch
ranges.jsonl      for each quantizer: its range, the values it saw, the share it clipped
evaluation.json   the last evaluation: confusion matrix, each class, the worst mistakes
report.html       curves, confusion matrix, mistakes, ranges: a page for the browser
README.md         what the run is, and what to do with it
events/           for TensorBoard, with tensorboard: true
checkpoints/      the newest checkpoints and the best
data.json         the data's files and where they were
summary.json      the result

qtrain eval, predict and export take the folder: qtrain predict runs/photos holiday.jpg. With --best they
take the checkpoint with the best test accuracy instead of the newest.`,
  },
};
