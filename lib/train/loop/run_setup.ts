/**
 * What the training loop is given.
 *
 * @module
 */
import type { Dataset } from "../../data/dataset.ts";
import type { DataLoader } from "../../data/loader.ts";
import type { EstimatorMakers } from "../../quant/estimator.ts";
import type { Recipe } from "../../recipe/recipe.ts";
import type { InitNames } from "../checkpoint/init_names.ts";
import type { Network } from "../network/network.ts";
import type { TrainOptions } from "../options.ts";
import type { DataChangeMonitor } from "../run_folder/data_change_monitor.ts";
import type { Team } from "../team.ts";
import type { RunClock } from "./run_clock.ts";

/** What a run trains, and with what. */
export interface RunSetup {
  readonly recipe: Recipe;
  /** The recipe as YAML, which checkpoints carry. */
  readonly recipeText: string;
  readonly data: Dataset;
  readonly network: Network;
  /** Estimators by name. */
  readonly estimators: EstimatorMakers;
  readonly loader: DataLoader;
  readonly options: TrainOptions;
  readonly clock: RunClock;
  /** What the loops of all ranks agree on. */
  readonly team: Team;
  readonly dataChanges: DataChangeMonitor;
  /** What an export takes over from the file that the run began with. */
  readonly initNames: InitNames | undefined;
}
