/* SPDX-License-Identifier: MIT */
/*
 * Names of the xenstore nodes of a virtual block device. Layer: vocab. Pure data, see nodes.def.
 */
#ifndef WRG_VOCAB_NODES_H
#define WRG_VOCAB_NODES_H

#include "vocab/nodes.def"

#define WRG_NODE_VALUE(symbol, name, dir) WRG_NODE_##symbol,
enum wrg_node { WRG_NODES(WRG_NODE_VALUE) WRG_COUNT_NODE };
#undef WRG_NODE_VALUE

enum wrg_node_dir { WRG_NODE_DIR_FRONT, WRG_NODE_DIR_BACK, WRG_NODE_DIR_BOTH };

/* The name as it stands in the store; NULL for a value out of range and for WRG_NODE_OTHER. */
const char *wrg_node_name(enum wrg_node node);

/* The device directory that the node lives in. */
enum wrg_node_dir wrg_node_dir(enum wrg_node node);

#endif
